import asyncio
import os
import socket
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import uvloop
from aiohttp import ClientSession, UnixConnector, web

from sipedge.api.control_socket import (
    ControlServer,
    ControlSocketError,
    ControlSocketInUse,
)


def make_app(word: str) -> web.Application:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=word)

    app = web.Application()
    app.router.add_get("/", answer)
    return app


async def ask(path: Path) -> str:
    async with (
        ClientSession(connector=UnixConnector(str(path))) as session,
        session.get("http://edge/") as response,
    ):
        return await response.text()


def leave_stale_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
        left.listen()


async def test_only_the_owner_may_open_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    before = os.umask(0)
    try:
        server = ControlServer(make_app("one"), path)
        await server.start()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await ask(path) == "one"
    await server.close()


async def test_closing_removes_the_socket_and_frees_the_name(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    for word in ("one", "two"):
        server = ControlServer(make_app(word), path)
        await server.start()
        assert await ask(path) == word
        await server.close()
        assert not path.exists()


async def test_closing_what_was_never_started_is_harmless(tmp_path: Path) -> None:
    await ControlServer(make_app("one"), tmp_path / "control.sock").close()


async def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    leave_stale_socket(path)
    server = ControlServer(make_app("new"), path)
    await server.start()
    assert await ask(path) == "new"
    await server.close()


async def test_the_socket_of_a_running_edge_is_not_stolen(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    first = ControlServer(make_app("first"), path)
    await first.start()
    second = ControlServer(make_app("second"), path)
    with pytest.raises(ControlSocketInUse, match="another edge"):
        await second.start()
    await second.close()
    assert await ask(path) == "first"
    await first.close()


async def test_a_socket_that_another_program_answers_on_is_not_stolen(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(ControlSocketInUse, match="another program"):
            await ControlServer(make_app("edge"), path).start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


@pytest.mark.parametrize("kind", ["file", "directory", "link to a file"])
async def test_what_is_no_socket_is_never_removed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "control.sock"
    if kind == "file":
        path.write_text("precious")
    elif kind == "directory":
        path.mkdir()
    else:
        (tmp_path / "precious").write_text("precious")
        path.symlink_to(tmp_path / "precious")
    with pytest.raises(ControlSocketError, match="not a socket"):
        await ControlServer(make_app("edge"), path).start()
    assert path.exists()


async def test_a_failed_start_leaves_the_name_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("in the way")
    with pytest.raises(ControlSocketError):
        await ControlServer(make_app("edge"), path).start()
    path.unlink()
    server = ControlServer(make_app("edge"), path)
    await server.start()
    assert await ask(path) == "edge"
    await server.close()


async def test_a_socket_that_is_no_longer_ours_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    server = ControlServer(make_app("edge"), path)
    await server.start()
    # A second inode keeps the number of the first from being given out again.
    leave_stale_socket(tmp_path / "other.sock")
    (tmp_path / "other.sock").rename(path)
    await server.close()
    assert path.exists()


async def test_a_path_longer_than_the_kernel_takes_is_served(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    folder.mkdir(parents=True)
    path = folder / "control.sock"
    first = ControlServer(make_app("first"), path)
    await first.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    handle = os.open(folder, os.O_PATH)
    assert await ask(Path(f"/proc/self/fd/{handle}/control.sock")) == "first"
    with pytest.raises(ControlSocketInUse):
        await ControlServer(make_app("second"), path).start()
    await first.close()
    os.close(handle)
    assert not path.exists()


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "control.sock"
    with pytest.raises(ControlSocketError, match="absent"):
        await ControlServer(make_app("edge"), path).start()


async def test_an_edge_that_was_killed_is_succeeded_at_once(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    program = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from aiohttp import web
        from sipedge.api.control_socket import ControlServer

        async def main():
            await ControlServer(web.Application(), Path(sys.argv[1])).start()
            print("started", flush=True)
            await asyncio.get_running_loop().create_future()

        asyncio.run(main())
        """
    )
    root = Path(__file__).parents[3]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), stdout=subprocess.PIPE, cwd=root
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"started\n"
    with pytest.raises(ControlSocketInUse):
        await ControlServer(make_app("too early"), path).start()
    process.kill()
    await process.wait()
    assert path.exists()
    server = ControlServer(make_app("successor"), path)
    await server.start()
    assert await ask(path) == "successor"
    await server.close()


def test_uvloop_serves_it_alike(tmp_path: Path) -> None:
    async def serve_once() -> str:
        path = tmp_path / "control.sock"
        server = ControlServer(make_app("edge"), path)
        await server.start()
        try:
            return await ask(path)
        finally:
            await server.close()

    assert uvloop.run(serve_once()) == "edge"
