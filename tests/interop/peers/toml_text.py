"""Write a configuration or data file as TOML: the few shapes that the edge's files use."""

from collections.abc import Mapping, Sequence

Scalar = str | int | float | bool
Table = Mapping[str, "Scalar | Sequence[Scalar] | Sequence[Mapping[str, Scalar]]"]
Document = Mapping[str, "Table | Sequence[Table]"]


def toml_text(document: Document) -> str:
    """Return the document as TOML: tables, arrays of tables, scalars and lists of scalars."""
    blocks: list[str] = []
    for name, value in document.items():
        tables = [value] if isinstance(value, Mapping) else value
        head = f"[{name}]" if isinstance(value, Mapping) else f"[[{name}]]"
        for table in tables:
            lines = [f"{key} = {_value(entry)}" for key, entry in table.items()]
            blocks.append("\n".join([head, *lines]))
    return "\n\n".join(blocks) + "\n"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")
