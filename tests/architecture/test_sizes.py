"""Files and functions stay short enough to be read in one sitting."""

from tests.architecture.source_tree import PACKAGE, functions, listing, sources

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def test_no_function_of_the_core_or_of_accounts_is_longer_than_one_screen() -> None:
    found = [
        f"{source.at(function)} {function.name} has {lines} lines, at most {FUNCTION_LINES_MAX}"
        for source in sources("sip", "proxy", "limits", "accounts")
        for function in functions(source)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not found, listing(found)


def test_no_file_is_longer_than_600_lines() -> None:
    found = [
        f"{source.name} has {lines} lines, at most {FILE_LINES_MAX}: which two things is it?"
        for source in sources()
        if (lines := source.text.count("\n")) > FILE_LINES_MAX
    ]
    assert not found, listing(found)


def test_every_file_and_folder_is_named_for_what_it_holds() -> None:
    found = [
        str(path.relative_to(PACKAGE.parent))
        for path in PACKAGE.rglob("*")
        if path.stem in NAMES_THAT_SAY_NOTHING
    ]
    assert not found, listing(found)
