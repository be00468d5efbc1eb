"""Citations of RFCs have one form, so that a reader finds the code of a rule, and its law.

The form is `RFC 3261 section 17.2.1`, and `RFC 3261 sections 8.1.1 and 16.6` for several.
"""

import re
from collections.abc import Iterator

import pytest

from tests.architecture.source_tree import PACKAGE, ROOT, listing

RFCS_WE_STAND_ON = {"3261", "3581", "5626", "6026", "7616"}

NEW_LINE = re.compile(r"\s*\n\s*(?:#\s*)?")
NAMED = re.compile(r"\b(?P<word>(?i:rfc)s?)(?P<gap>[\W_]{0,2})(?P<number>\d{3,5})(?P<rest>.{0,24})")
SECTION_IN_OTHER_WORDS = re.compile(r"[,:]? ?(?:\u00a7|sect?\.|Sect|SECT|, sect|s\.? ?\d)")
SECTION = re.compile(r" sections? (?P<number>\S*)")
SECTION_NUMBER = re.compile(r"(?:\d+|[A-Z])(?:\.\d+)*")


def test_every_citation_has_the_one_form() -> None:
    found = [
        f"{name}: {complaint}"
        for name, text in texts()
        for citation in NAMED.finditer(text)
        if (complaint := complain(citation))
    ]
    assert not found, listing(found)


def test_the_code_names_every_rfc_it_stands_on() -> None:
    """The map from an RFC to the files that obey it has no hole."""
    cited = rfc_map()
    missing = RFCS_WE_STAND_ON - cited.keys()
    assert not missing, f"no file of sipedge cites RFC {', '.join(sorted(missing))}"


@pytest.mark.parametrize(
    ("text", "well_formed"),
    [
        ("RFC 3261 section 17.2.1", True),
        ("(RFC 3261 sections 8.1.1 and 16.6)", True),
        ("RFC 5626 and its flows", True),
        ("RFC 3261 section A.2;", True),
        ("RFC3261 section 17", False),
        ("RFC-3261", False),
        ("rfc 3261", False),
        ("RFC 3261, section 17", False),
        ("RFC 3261 Section 17", False),
        ("RFC 3261 sec. 17", False),
        ("RFC 3261 \u00a717", False),
        ("RFC 3261 section seventeen", False),
        ("RFC 32610", False),
    ],
)
def test_the_form_itself(text: str, well_formed: bool) -> None:
    citation = NAMED.search(text)
    assert citation is not None
    assert (complain(citation) is None) is well_formed


def rfc_map() -> dict[str, set[str]]:
    """Each cited RFC with the files of sipedge that cite it."""
    files: dict[str, set[str]] = {}
    for name, text in texts():
        for citation in NAMED.finditer(text):
            files.setdefault(citation["number"], set()).add(name)
    return files


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of each file, with citations that a line break cuts joined again."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = NEW_LINE.sub(" ", path.read_text(encoding="utf-8"))
        yield path.relative_to(ROOT).as_posix(), text


def complain(citation: re.Match[str]) -> str | None:
    """What is wrong with a citation, None when nothing is."""
    shown = citation[0].rstrip()
    if citation["word"] != "RFC" or citation["gap"] != " " or len(citation["number"]) != 4:
        return f"'{shown}' is written RFC, a space and four digits"
    rest = citation["rest"]
    if SECTION_IN_OTHER_WORDS.match(rest) and not SECTION.match(rest):
        return f"'{shown}' names its section as RFC {citation['number']} section 1.2"
    section = SECTION.match(rest)
    if section and not SECTION_NUMBER.match(section["number"]):
        return f"'{shown}' names a section without its number"
    return None
