"""The optional half of the build: SIPEDGE_COMPILE=yes compiles the core with mypyc (ADR 0015).

Everything else stands in pyproject.toml. The same files run uncompiled, about 2.5 times slower.
"""

import os
from pathlib import Path

from setuptools import setup

# What every message passes through, all of it sans-IO. Compiled code checks the types that it is
# given, and event loops do not keep to those that asyncio declares: transport stays as it is.
COMPILED = (
    "sipedge/sip/*.py",
    "sipedge/sip/transactions/*.py",
    "sipedge/limits/*.py",
    "sipedge/proxy/*.py",
    "sipedge/observability/counters.py",
)
LEFT_OUT = {"__init__.py", "drawing.py"}


def compiled_modules() -> list[str]:
    """Return the files to compile, in a fixed order."""
    found = {path for pattern in COMPILED for path in Path().glob(pattern)}
    return sorted(str(path) for path in found if path.name not in LEFT_OUT)


def extensions() -> list[object]:
    """Return the extension modules; mypyc is imported only where it is wanted."""
    if os.environ.get("SIPEDGE_COMPILE") != "yes":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 - where nobody compiles, it may be missing

    return list(mypycify(compiled_modules(), opt_level="2", debug_level="0"))


setup(ext_modules=extensions())
