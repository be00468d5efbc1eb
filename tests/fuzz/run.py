"""Fuzz one target: `python -m tests.fuzz.run TARGET [CORPUS] [options of libFuzzer]`.

Without a corpus folder the inputs found are kept in var/fuzz/TARGET, and an input that breaks a
rule becomes var/fuzz/TARGET-crash-... See docs/torture.md.
"""

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["sipedge"], enable_loader_override=False):
    from tests.fuzz.seeds import write_seeds
    from tests.fuzz.targets import TARGETS

KEPT = Path("var/fuzz")
DICTIONARY = Path(__file__).with_name("sip.dict")


def main(arguments: list[str]) -> None:
    """Fuzz until an input breaks a rule, or until the options say stop."""
    if len(arguments) < 2 or arguments[1] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz.run {'|'.join(TARGETS)} [CORPUS] [-runs=N] ...")
    name, *options = arguments[1:]
    if all(option.startswith("-") for option in options):
        write_seeds(name, KEPT / name)
        options = [str(KEPT / name), f"-artifact_prefix={KEPT}/{name}-", *options]
    atheris.Setup([arguments[0], f"-dict={DICTIONARY}", *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
