"""Calls that have a better replacement in this project, with the replacement."""

import ast
from collections.abc import Iterator

from tests.architecture.source_tree import (
    CORE,
    PACKAGE,
    Source,
    dotted,
    imported_names,
    listing,
    sources,
)

NOW = "take `now: float` (monotonic seconds) as an argument"
TOKEN = "derive it with the key you were given, or take an Entropy"
EFFECT = "return an effect; the driver acts on it"

# A name that ends in a dot bans all that begins with it.
BANNED_IN_THE_CORE = {
    "asyncio.": EFFECT,
    "datetime.": NOW,
    "logging.": "count a named refusal, or return a record",
    "open": EFFECT,
    "os.": EFFECT,
    "print": "return the value; the command prints it",
    "random.": TOKEN,
    "secrets.": TOKEN,
    "socket.": EFFECT,
    "time.": NOW,
    "uuid.": TOKEN,
}
BANNED_EVERYWHERE = {
    "datetime.datetime.today": "datetime.now(tz=UTC)",
    "datetime.datetime.utcfromtimestamp": "datetime.fromtimestamp(..., tz=UTC)",
    "datetime.datetime.utcnow": "datetime.now(tz=UTC)",
    "datetime.date.today": "datetime.now(tz=UTC).date()",
    "asyncio.get_event_loop": "asyncio.get_running_loop()",
    "eval": "parse the value",
    "exec": "import the module",
    "time.sleep": "a timer of the loop, or the wheel",
}
BANNED_OUTSIDE_COMMANDS = {
    "print": "log an event, or return the value to the command that prints it",
    "sys.exit": "raise an error that the command turns into its exit status",
}
BANNED_OUTSIDE_THE_APP = {
    "time.time": "the app ties the clock of the core to the time of day; ask it, or datetime.now",
}
COMMANDS = ("sipedge/cli", "sipedge/__main__.py")


def test_the_core_calls_no_clock_no_chance_and_no_machine() -> None:
    found = [line for source in sources(*CORE) for line in banned(source, BANNED_IN_THE_CORE)]
    assert not found, listing(found)


def test_no_module_calls_what_has_a_better_replacement() -> None:
    found = [line for source in sources() for line in banned(source, BANNED_EVERYWHERE)]
    assert not found, listing(found)


def test_only_commands_print_and_exit() -> None:
    found = [
        line
        for source in sources()
        if not source.name.startswith(COMMANDS)
        for line in banned(source, BANNED_OUTSIDE_COMMANDS)
    ]
    assert not found, listing(found)


def test_only_the_app_ties_the_clock_to_the_time_of_day() -> None:
    found = [
        line
        for source in sources()
        if not source.name.startswith("sipedge/app/")
        for line in banned(source, BANNED_OUTSIDE_THE_APP)
    ]
    assert not found, listing(found)


def test_the_present_instant_is_asked_for_with_its_zone() -> None:
    found = [
        f"{source.at(call)} {name}() has no zone: datetime.now(tz=UTC)"
        for source in sources()
        for call, name in calls(source)
        if name == "datetime.datetime.now" and not call.args and not call.keywords
    ]
    assert not found, listing(found)


def test_no_assertion_is_a_tuple_that_is_always_true() -> None:
    found = [
        f"{source.at(node)} asserts a tuple: take the parentheses away"
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Tuple)
    ]
    assert not found, listing(found)


def test_a_banned_call_is_found_under_any_name() -> None:
    """The finder itself: it sees through `import as` and `from import as`."""
    text = "import time as clock\nfrom random import choice as pick\nclock.time()\npick([1])\n"
    source = Source(PACKAGE, text, ast.parse(text))
    assert [name for _, name in calls(source)] == ["time.time", "random.choice"]


def banned(source: Source, table: dict[str, str]) -> Iterator[str]:
    for call, name in calls(source):
        for entry, replacement in table.items():
            if name == entry or (entry.endswith(".") and name.startswith(entry)):
                yield f"{source.at(call)} calls {name}: {replacement}"


def calls(source: Source) -> Iterator[tuple[ast.Call, str]]:
    """All calls of a file with the full name of what is called, aliases resolved."""
    names = imported_names(source)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and (spelled := dotted(node.func)):
            head, _, rest = spelled.partition(".")
            origin = names.get(head, head)
            yield node, f"{origin}.{rest}" if rest else origin
