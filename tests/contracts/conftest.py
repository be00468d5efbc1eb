"""A database for each test: SQLite in a file, and PostgreSQL in a cluster of our own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest


def postgresql_programs() -> Path:
    """Find the server programs of Debian's package, which are not on the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb")
    if folders:
        return folders[-1].parent
    if found:
        return Path(found).resolve().parent
    pytest.fail("PostgreSQL is missing: install Debian's package postgresql")


def as_server_user(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a server program; PostgreSQL refuses to run as root."""
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        words = ["runuser", "-u", "postgres", "--", *words]
    # A fresh folder: the server user may not enter the one that the tests run in.
    return subprocess.run(
        words,
        check=True,
        capture_output=True,
        text=True,
        cwd="/",
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """Start a PostgreSQL server on a Unix socket only; give the folder of the socket."""
    programs = postgresql_programs()
    # Not below tmp_path: the path of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="sipedge-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
    try:
        as_server_user(
            programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"
        )
        as_server_user(
            programs / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start"
        )
        yield str(folder)
    except subprocess.CalledProcessError as error:
        pytest.fail(f"PostgreSQL does not start: {error.stderr}")
    finally:
        if (data / "postmaster.pid").exists():
            as_server_user(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


def make_postgresql(socket_folder: str) -> str:
    """Make an empty database in the cluster."""
    name = f"sipedge_{uuid4().hex}"
    subprocess.run(
        ["psql", "-h", socket_folder, "-U", "postgres", "-qc", f"CREATE DATABASE {name}"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return f"postgresql://postgres@/{name}?host={socket_folder}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sipedge.db"
    return make_postgresql(request.getfixturevalue("cluster"))
