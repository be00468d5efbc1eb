"""From a TOML file and `SIPEDGE__SECTION__KEY` variables to settings, with one-line errors."""

import inspect
import os
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sipedge.config.errors import ConfigurationError, Problem, show_found, suggest
from sipedge.config.settings import Settings

CONFIG_VARIABLE: Final = "SIPEDGE_CONFIG"
OVERRIDE_PREFIX: Final = "SIPEDGE__"
USUAL_FILES: Final = (Path("config/sipedge.toml"), Path("/etc/sipedge/sipedge.toml"))

_INSTEAD: Final = {
    "int_type": "write a whole number, without quotes",
    "int_from_float": "write a whole number",
    "string_type": "write text in quotes",
    "bool_type": "write true or false, without quotes",
    "tuple_type": 'write a list, as ["..."]',
    "list_type": 'write a list, as ["..."]',
    "model_type": "write a table",
    "missing": "this key must be there",
    "too_short": "write at least one",
}


def find_config_file(given: Path | None, environ: Mapping[str, str]) -> Path:
    """Choose the file: the one given, `SIPEDGE_CONFIG`, or the first usual one that exists."""
    if given is not None:
        return given
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE])
    for path in USUAL_FILES:
        if path.is_file():
            return path
    raise ConfigurationError.single(
        str(USUAL_FILES[0]),
        "",
        "",
        f"no such file; write it, or name another with --config FILE or {CONFIG_VARIABLE}",
    )


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the configuration of this run.

    `environ` stands for the process environment when None. Raises ConfigurationError with every
    mistake found; the emergency list is read too, so that an edge never starts without it.
    """
    environ = os.environ if environ is None else environ
    file = find_config_file(path, environ)
    document = _read_document(file)
    origins = _apply_environment(document, environ)
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(
            _describe(details, str(file), origins) for details in error.errors()
        ) from None
    _check_files(settings, str(file))
    settings.emergency.load_list()
    return settings


def _check_files(settings: Settings, file: str) -> None:
    """Refuse the name of a certificate or key that cannot be opened."""
    for key in ("tls_certificate", "tls_key"):
        name = str(getattr(settings.sip, key))
        try:
            if name:
                with Path(name).open("rb"):
                    pass
        except OSError as error:
            instead = f"{error.strerror}; write the path of a PEM file that can be read"
            raise ConfigurationError.single(
                file, f"sip.{key}", show_found("", name), instead
            ) from None


def _read_document(file: Path) -> dict[str, object]:
    try:
        content = file.read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise ConfigurationError.single(
            str(file), "", "", f"{reason}; name a readable file with --config FILE"
        ) from None
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise ConfigurationError.single(
            str(file), "", f"byte 0x{content[error.start]:02x}", "write the file in UTF-8"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError.single(str(file), "", "", f"is not TOML: {error}") from None


def _apply_environment(document: dict[str, object], environ: Mapping[str, str]) -> dict[str, str]:
    """Lay the variables over the document; return which key came from which variable."""
    origins: dict[str, str] = {}
    for variable in sorted(name for name in environ if name.startswith(OVERRIDE_PREFIX)):
        section, _, key = variable.removeprefix(OVERRIDE_PREFIX).lower().partition("__")
        model = _section_model(variable, section)
        if key not in model.model_fields:
            raise ConfigurationError.single(
                "environment",
                variable,
                f"`{key}`",
                suggest(key, model.model_fields) + f" after {OVERRIDE_PREFIX}{section.upper()}__",
            )
        table = document.setdefault(section, {})
        if isinstance(table, dict):
            annotation = model.model_fields[key].annotation
            table[key] = _read_variable(variable, environ[variable], annotation)
            origins[f"{section}.{key}"] = variable
    return origins


def _section_model(variable: str, section: str) -> type[BaseModel]:
    sections = {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    model = sections.get(section)
    if model is None:
        instead = (
            "write trunks in the file, as [[trunk]]"
            if section == "trunk"
            else suggest(section, sections) + f" after {OVERRIDE_PREFIX}"
        )
        raise ConfigurationError.single("environment", variable, f"`{section}`", instead)
    return model


def _read_variable(variable: str, text: str, annotation: object) -> object:
    """Read the text as the type of the key: text as it is, the rest as TOML or a comma list."""
    origin = typing.get_origin(annotation) or annotation
    if origin is tuple and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    choices = typing.get_args(annotation) if origin is typing.Literal else ()
    if origin is str or any(isinstance(choice, str) for choice in choices):
        return text
    if "\n" in text or "\r" in text:
        raise ConfigurationError.single(
            "environment", variable, show_found(variable, text), "write it in one line"
        )
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _describe(details: ErrorDetails, file: str, origins: Mapping[str, str]) -> Problem:
    """Turn one error of pydantic into our line."""
    context = details.get("ctx", {})
    key = _key(details["loc"])
    found = show_found(key, details["input"])
    kind = details["type"]
    if kind == "sipedge":
        key = ".".join(part for part in (key, str(context["key"])) if part)
        found, instead = str(context["found"]), str(context["instead"])
    elif kind == "extra_forbidden":
        parent, _, word = key.rpartition(".")
        found, instead = "a key that does not exist", suggest(word, _known_keys(details["loc"]))
        if not parent:
            found = "a section that does not exist"
    elif kind == "missing":
        found, instead = "nothing", _INSTEAD[kind]
    elif kind == "value_error":
        instead = str(context["error"])
    elif kind == "literal_error":
        instead = f"write {context['expected']}".replace("'", '"')
    else:
        instead = _INSTEAD.get(kind, details["msg"])
        if kind == "model_type":
            instead = f"write a table, as {_table_example(details['loc'])}"
    for overridden, variable in origins.items():
        if key == overridden or key.startswith(f"{overridden}["):
            return Problem("environment", variable + key[len(overridden) :], found, instead)
    return Problem(file, key, found, instead)


def _key(location: tuple[int | str, ...]) -> str:
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key


def _table_example(location: tuple[int | str, ...]) -> str:
    return "[[trunk]]" if location[0] == "trunk" else f"[{location[0]}]"


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """List the keys that may stand beside the unknown one."""
    model: type[BaseModel] = Settings
    for part in location[:-1]:
        if isinstance(part, str):
            annotation: object = model.model_fields[part].annotation
            for candidate in (annotation, *typing.get_args(annotation)):
                if inspect.isclass(candidate) and issubclass(candidate, BaseModel):
                    model = candidate
    return list(model.model_fields)
