"""Every public name says what it is."""

import ast
from collections.abc import Iterator

from tests.architecture.source_tree import Function, Source, listing, sources


def test_every_module_opens_with_a_docstring() -> None:
    found = [source.name for source in sources() if not ast.get_docstring(source.tree)]
    assert not found, listing(found)


def test_a_package_says_what_it_is_and_what_it_exports_and_runs_nothing() -> None:
    found = [
        f"{source.at(node)} is more than a docstring, an import or __all__"
        for source in sources()
        if source.path.name == "__init__.py"
        for node in source.tree.body[1:]
        if not isinstance(node, ast.Import | ast.ImportFrom) and not is_export_list(node)
    ]
    assert not found, listing(found)


def test_every_public_class_and_function_has_a_docstring() -> None:
    found = [
        f"{source.at(node)} {node.name} has no docstring"
        for source in sources()
        for node in public_definitions(source)
        if not ast.get_docstring(node)
    ]
    assert not found, listing(found)


def public_definitions(source: Source) -> Iterator[Function | ast.ClassDef]:
    """Public functions and classes of a module, and the public methods of its public classes.

    A method that overrides another has that one's docstring.
    """
    for node in source.tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                methods = [item for item in node.body if isinstance(item, Function)]
                yield from (method for method in methods if is_public_method(method))


def is_public_method(method: Function) -> bool:
    decorators = {ast.unparse(decorator) for decorator in method.decorator_list}
    return (
        not method.name.startswith("_")
        and not decorators & {"override", "overload"}
        and f"{method.name}.setter" not in decorators
    )


def is_export_list(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
