"""The documents tell what the code does: settings, refusals, commands, metrics, log events."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_args, get_origin

import pytest
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sipedge.cli.program import app
from sipedge.config.settings import Settings
from sipedge.observability.metrics import METRICS, PROCESS_METRICS
from sipedge.proxy.edge import DROP_REASONS
from sipedge.proxy.records import EndedBy
from sipedge.proxy.refusals import TABLE
from tests.architecture.source_tree import ROOT, dotted, listing, sources

GUIDE = ROOT / "docs" / "operator-guide.md"
DECISIONS = ROOT / "docs" / "adr"

ROW = re.compile(r"^\|(?P<cells>.+)\|$", re.MULTILINE)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://(?P<host>[A-Za-z0-9.-]*)")


def test_the_guide_explains_every_setting_with_its_default() -> None:
    told = {
        f"{title.strip('[]')}.{unquoted(row[0])}": row[1]
        for title, text in sections(GUIDE)
        if title.startswith("[")
        for row in rows(text)[1:]
    }
    assert told == dict(settings())


def test_the_commented_configuration_names_every_setting() -> None:
    text = (ROOT / "config" / "sipedge.toml").read_text(encoding="utf-8")
    named: set[str] = set()
    section = ""
    for line in text.splitlines():
        if heading := re.match(r"(?:# )?\[+([a-z]+)\]+$", line):
            section = heading[1]
        elif key := re.match(r"(?:# )?([a-z_]+) = ", line):
            named.add(f"{section}.{key[1]}")
    assert named == {key for key, _ in settings()}


def test_the_guide_has_the_table_of_refusals() -> None:
    told = {tuple(row[:5]) for row in rows_below("## When a call is refused") if len(row) == 6}
    ours = {
        (
            f"`{refusal.value}`",
            str(row.status),
            str(row.q850 or ""),
            "yes" if row.retry_after else "",
            str(row.charge),
        )
        for refusal, row in TABLE.items()
    }
    assert told - {("Reason", "Answer", "Q.850", "Retry-After", "Charge")} == ours


def test_the_guide_explains_every_reason_to_drop() -> None:
    told = [unquoted(row[0]) for row in rows_below("### Dropped without an answer")[1:]]
    assert sorted(told) == sorted(DROP_REASONS)


def test_the_guide_explains_every_log_event() -> None:
    told = {unquoted(row[0]) for row in rows_below("## Logs")[1:]}
    assert told == set(log_events())


def test_the_guide_names_every_way_a_call_can_end() -> None:
    text = section("## Logs")
    assert [ended_by.value for ended_by in EndedBy if f"`{ended_by.value}`" not in text] == []


def test_the_runbooks_explain_every_metric_with_its_labels() -> None:
    text = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    told = {
        unquoted(row[0]): row[1] for row in rows(text) if row[0].startswith(("`sipedge_", "`proc"))
    }
    ours = {metric.name: ", ".join(metric.labels) for metric in METRICS}
    assert told == ours | dict.fromkeys(PROCESS_METRICS, "")


def test_the_readme_shows_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in commands() if f"| `sipedge {name}" not in readme]
    assert not missing, listing(missing)


def test_no_document_names_a_command_that_does_not_exist() -> None:
    known = set(commands())
    groups = {name.partition(" ")[0] for name in known if " " in name}
    found = []
    for document in documents():
        for words in re.findall(
            r"(?:`|^|bin/)sipedge ([a-z][a-z-]*)(?: ([a-z]+))?",
            document.read_text(encoding="utf-8"),
            re.MULTILINE,
        ):
            name = " ".join(words) if words[0] in groups else words[0]
            if name.strip() not in known | groups:
                found.append(f"{shown(document)} says `sipedge {name}`")
    assert not found, listing(found)


def test_every_link_between_the_documents_leads_somewhere() -> None:
    found = [
        f"{shown(document)} leads to {target}"
        for document in documents()
        for target in LINK.findall(document.read_text(encoding="utf-8"))
        if not leads_somewhere(document, target)
    ]
    assert not found, listing(found)


def test_the_decisions_are_numbered_without_a_gap_and_listed() -> None:
    pages = sorted(DECISIONS.glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    for page in pages:
        number = int(page.name[:4])
        assert page.read_text(encoding="utf-8").startswith(f"# {number}. "), page.name
        assert f"| [{number}]({page.name}) | " in index, page.name


def test_every_decision_that_the_code_names_exists() -> None:
    numbers = {int(page.name[:4]) for page in DECISIONS.glob("[0-9]*.md")}
    named = {
        (shown(path), int(number))
        for path in committed()
        if path.suffix in {".py", ".md", ".toml", ".sh"}
        for number in re.findall(r"\bADR (\d+)", path.read_text(encoding="utf-8"))
    }
    found = [f"{name}: ADR {number}" for name, number in named if number not in numbers]
    assert not found, listing(found)


def test_no_committed_file_names_a_place_on_the_machine_of_its_author() -> None:
    places = re.compile("|".join(("/wo" + "rk/", "/ho" + "me/", "/ro" + "ot/")))
    found = [f"{shown(path)}: {place}" for path, text in texts() for place in places.findall(text)]
    assert not found, listing(found)


def test_no_committed_file_names_a_host_to_download_from() -> None:
    """Addresses are loopback, reserved names (RFC 2606) or none; the licence names its own."""
    found = [
        f"{shown(path)}: {address[0]}"
        for path, text in texts()
        if path.name != "LICENSE" and "torture" not in path.parts
        for address in ADDRESS.finditer(text)
        if address[0].startswith(("http", "ftp", "git", "ssh")) and is_public(address["host"])
    ]
    assert not found, listing(found)


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("127.0.0.1", False),
        ("edge", False),
        ("www.example.org", False),
        ("carrier.example", False),
        ("files.elsewhere.org", True),
    ],
)
def test_what_a_public_host_is(host: str, public: bool) -> None:
    assert is_public(host) is public


def sections(document: Path) -> Iterator[tuple[str, str]]:
    """Each heading of a document with the text below it, up to the next heading."""
    text = document.read_text(encoding="utf-8")
    headings = list(HEADING.finditer(text))
    for heading, following in zip(headings, [*headings[1:], None], strict=True):
        end = following.start() if following is not None else len(text)
        yield heading["title"], text[heading.end() : end]


def section(heading: str) -> str:
    """The text below a heading of the guide."""
    title = heading.lstrip("# ")
    return next(text for found, text in sections(GUIDE) if found == title)


def rows(text: str) -> list[list[str]]:
    """The rows of the tables in a text, each as its cells, without the line under the heading."""
    found = [[cell.strip() for cell in row["cells"].split("|")] for row in ROW.finditer(text)]
    return [row for row in found if set(row[0]) != {"-"}]


def rows_below(heading: str) -> list[list[str]]:
    """The rows of the tables below a heading of the guide."""
    return rows(section(heading))


def unquoted(cell: str) -> str:
    return cell.strip("`")


def settings() -> Iterator[tuple[str, str]]:
    """Each setting as `section.key`, with its default as the guide writes it."""
    for name, field in Settings.model_fields.items():
        for key, inner in model_of(field).model_fields.items():
            yield f"{name}.{key}", shown_default(inner)


def model_of(field: FieldInfo) -> type[BaseModel]:
    """The model of a section, of one table where the section may be repeated."""
    annotation: object = field.annotation
    while not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        assert get_origin(annotation) in (Annotated, tuple), annotation
        annotation = get_args(annotation)[0]
    return annotation


def shown_default(field: FieldInfo) -> str:
    if field.is_required():
        return "none"
    value = field.default
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def commands() -> list[str]:
    """Each command of the program, `line add` and its like with both words."""
    names = []
    root = typer.main.get_command(app)
    for name, command in getattr(root, "commands").items():  # noqa: B009 - typer types no groups
        inner = getattr(command, "commands", None)
        names += [f"{name} {word}" for word in inner] if inner else [name]
    return names


def log_events() -> Iterator[str]:
    """The event of each `log_event` in the program."""
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and dotted(node.func) == "log_event":
                event = node.args[2]
                assert isinstance(event, ast.Constant), f"{source.at(node)}: events are constants"
                yield str(event.value)


def documents() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "loadtests" / "README.md"]


def leads_somewhere(document: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    page = document.parent / path if path else document
    if not page.exists():
        return False
    return not anchor or anchor in {anchor_of(title) for title, _ in sections(page)}


def anchor_of(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def committed() -> list[Path]:
    """The files that git keeps, those of the moment where this is no clone."""
    run = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in run.stdout.splitlines() if (path := ROOT / name).is_file()]


def texts() -> Iterator[tuple[Path, str]]:
    """The committed files that are text."""
    for path in committed():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def is_public(host: str) -> bool:
    reserved = re.search(r"(?:^|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)$", host)
    return bool(re.search(r"\.[a-z]{2,}$", host)) and reserved is None


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
