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
    found = [
        f"{source.at(node)} {node.name} has no __slots__"
        for source in sources(*CORE)
        for node in classes(source)
        if not has_slots(node) and not is_slotless_kind(node)
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


def is_slotless_kind(node: ast.ClassDef) -> bool:
    """Enums, protocols and exceptions; an exception here derives from a built-in one."""
    bases = {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
    return bool(bases & SLOTLESS_BASES) or any(
        base.endswith(("Error", "Exception")) for base in bases
    )
