"""ARCHITECTURE.md, README.md, the Makefile and the folders tell the same story."""

import re

from tests.architecture.source_tree import PACKAGE, ROOT, listing

FENCED = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"^(?P<indent>[ \u2500-\u257f|`+-]*)(?P<folder>[a-z_/]+)/(?:\s|$)")


def test_architecture_names_every_package_and_no_other() -> None:
    named = drawn_folders((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    packages = {
        path.parent.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("__init__.py")
        if path.parent != PACKAGE
    }
    assert packages - named == set(), "packages that the tree in ARCHITECTURE.md does not name"
    missing = {folder for folder in named if not (ROOT / folder).is_dir()}
    assert missing == set(), "folders that the tree in ARCHITECTURE.md names and nobody made"


def test_the_reader_of_drawn_trees() -> None:
    drawing = "```\nsipedge/\n  sip/      words\n    transactions/\n  proxy/\ntests/unit/\n```\n"
    assert drawn_folders(drawing) == {
        "sipedge",
        "sipedge/sip",
        "sipedge/sip/transactions",
        "sipedge/proxy",
        "tests/unit",
    }


def test_every_folder_of_code_is_a_package() -> None:
    found = [
        f"{folder.relative_to(ROOT)} has modules and no __init__.py"
        for folder in {path.parent for path in PACKAGE.rglob("*.py")}
        if not (folder / "__init__.py").exists()
    ]
    assert not found, listing(found)


def test_every_make_verb_in_the_documents_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    found = [
        f"{document.relative_to(ROOT)} says `make {verb}`"
        for document in documents
        for verb in re.findall(
            r"(?:`|^\s*(?:\$ )?)make ([a-z][a-z-]*)",
            document.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        if verb not in verbs
    ]
    assert not found, listing(found)


def test_the_readme_names_the_verbs_a_newcomer_needs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [verb for verb in ("run", "test") if f"make {verb}" not in readme]
    assert not missing, f"README.md does not say how to make {' and '.join(missing)}"


def test_every_unit_test_module_mirrors_a_module() -> None:
    """tests/unit/sip/test_uri.py is about sipedge/sip/uri.py, or about the package sip/uri/."""
    unit = ROOT / "tests" / "unit"
    found = []
    for path in sorted(unit.rglob("test_*.py")):
        mirrored = PACKAGE / path.parent.relative_to(unit) / path.stem.removeprefix("test_")
        if not mirrored.with_suffix(".py").exists() and not mirrored.is_dir():
            found.append(f"{path.relative_to(ROOT)}: there is no {mirrored.relative_to(ROOT)}.py")
    assert not found, listing(found)


def test_nobody_keeps_configuration_for_a_foreign_build_service() -> None:
    names = (".github", ".gitlab-ci.yml", ".circleci", ".travis.yml", "azure-pipelines.yml")
    assert [name for name in names if (ROOT / name).exists()] == []


def drawn_folders(markdown: str) -> set[str]:
    """The folders of the first indented tree in a fenced block, as paths; a folder ends in `/`."""
    blocks = [block for block in FENCED.findall(markdown) if block.lstrip().startswith("sipedge/")]
    folders: set[str] = set()
    parents: list[tuple[int, str]] = []
    for line in blocks[0].splitlines() if blocks else []:
        if entry := ENTRY.match(line):
            depth = len(entry["indent"])
            parents = [parent for parent in parents if parent[0] < depth]
            path = f"{parents[-1][1]}/{entry['folder']}" if parents else entry["folder"]
            parents.append((depth, path))
            folders.add(path)
    return folders
