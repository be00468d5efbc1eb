"""The core (sip, proxy, limits) is synchronous, free of clock and chance, and ready for mypyc."""

import ast

from tests.architecture.source_tree import CORE, Function, classes, functions, listing, sources

SLOTLESS_BASES = {"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "Protocol", "NamedTuple"}


def test_the_core_awaits_nothing() -> None:
    found = [
        f"{source.at(node)} is asynchronous: return an effect, be resumed with the answer"
        for source in sources(*CORE)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await)
    ]
    assert not found, listing(found)


def test_every_class_of_the_core_has_slots() -> None:
    slotless = slotless_kinds()
    found = [
        f"{source.at(node)} {node.name} has no __slots__"
        for source in sources(*CORE)
        for node in classes(source)
        if not has_slots(node) and node.name not in slotless
    ]
    assert not found, listing(found)


def test_functions_of_the_core_are_not_nested() -> None:
    """A nested function is built anew on each call, and compiles to a class with a closure."""
    found = [
        f"{source.at(inner)} {inner.name} is nested in {outer.name}"
        for source in sources(*CORE)
        for outer in functions(source)
        for inner in ast.walk(outer)
        if isinstance(inner, Function) and inner is not outer
    ]
    assert not found, listing(found)


def test_functions_of_the_core_take_no_open_ended_keywords() -> None:
    """`**kwargs` costs a dict on each call and hides from the types what may be passed."""
    found = [
        f"{source.at(function)} {function.name} takes **{function.args.kwarg.arg}"
        for source in sources(*CORE)
        for function in functions(source)
        if function.args.kwarg is not None
    ]
    assert not found, listing(found)


def has_slots(node: ast.ClassDef) -> bool:
    declared = any(
        isinstance(target, ast.Name) and target.id == "__slots__"
        for statement in node.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (
            statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        )
    )
    return declared or any(
        isinstance(decorator, ast.Call)
        and ast.unparse(decorator.func).endswith("dataclass")
        and "slots=True" in ast.unparse(decorator)
        for decorator in node.decorator_list
    )


def slotless_kinds() -> set[str]:
    """The names of enums, protocols and exceptions: their bases decide how they are laid out."""
    definitions = [node for source in sources(*CORE) for node in classes(source)]
    kinds: set[str] = set()
    while True:
        found = {node.name for node in definitions if is_slotless(base_names(node), kinds)}
        if found == kinds:
            return kinds
        kinds = found


def is_slotless(bases: set[str], kinds: set[str]) -> bool:
    return bool(bases & (SLOTLESS_BASES | kinds)) or any(
        base.endswith(("Error", "Exception")) for base in bases
    )


def base_names(node: ast.ClassDef) -> set[str]:
    return {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
