import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sipedge.cli.edge_client import EdgeClient, find_edge
from sipedge.cli.output import CommandError
from sipedge.config import Settings
from sipedge.config.settings import EdgeSettings
from tests.unit.cli.control_server import StandInControl, serving


def settings_in(folder: Path) -> Settings:
    return Settings(edge=EdgeSettings(data_dir=str(folder)))


@contextmanager
def answering(path: Path, answer: bytes) -> Iterator[None]:
    """Listen on a socket and answer the first request with these bytes."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer_once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=answer_once)
        thread.start()
        yield
        thread.join(30)


def test_an_edge_is_found_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "sipedge.sock"
    assert find_edge(settings_in(tmp_path)) is None
    with serving(StandInControl(), path):
        edge = find_edge(settings_in(tmp_path))
        assert edge is not None
        assert edge.get("status") == {"version": "0"}
        assert edge.get("calls", query={"line": "no such line"}) == {"calls": []}
        assert edge.post("import", body="\u00e9".encode()) == {"characters": 1}
    assert find_edge(settings_in(tmp_path)) is None


def test_a_socket_left_by_a_killed_edge_is_no_edge(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "sipedge.sock"))
    assert find_edge(settings_in(tmp_path)) is None
    assert find_edge(settings_in(tmp_path / "missing")) is None


def test_a_long_path_is_reached_through_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 60) / ("y" * 60)
    folder.mkdir(parents=True)
    with serving(StandInControl(), tmp_path / "s"):
        (folder / "sipedge.sock").symlink_to(tmp_path / "s")
        edge = find_edge(settings_in(folder))
        assert edge is not None
        assert edge.get("status") == {"version": "0"}


def test_a_refusal_is_one_sentence_with_the_field(tmp_path: Path) -> None:
    with serving(StandInControl(), tmp_path / "s"), pytest.raises(CommandError) as caught:
        EdgeClient(tmp_path / "s").post("lines", "1", body={"calls": 3})
    assert (caught.value.status, str(caught.value)) == (1, "No such line (number): It has no row.")


def test_a_wrong_request_is_wrong_use_and_a_fault_is_out_of_reach(tmp_path: Path) -> None:
    with serving(StandInControl(), tmp_path / "s"):
        edge = EdgeClient(tmp_path / "s")
        with pytest.raises(CommandError, match="calls") as wrong:
            edge.post("lines", "1", body={"calls": "x"})
        with pytest.raises(CommandError) as fault:
            edge.get("calls", query={"line": "broken"})
    assert (wrong.value.status, fault.value.status) == (2, 3)
    assert "s3cret" not in str(fault.value)


def test_nobody_there_is_out_of_reach(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="s: no edge answers") as caught:
        EdgeClient(tmp_path / "s").get("status")
    assert caught.value.status == 3


def test_an_edge_that_dies_while_it_answers_is_out_of_reach(tmp_path: Path) -> None:
    with answering(tmp_path / "s", b""), pytest.raises(CommandError, match="no edge answers"):
        EdgeClient(tmp_path / "s").get("status")


def test_an_edge_that_never_answers_is_out_of_reach(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with pytest.raises(CommandError, match="timed out"):
            EdgeClient(tmp_path / "s", timeout_seconds=0.05).get("status")


@pytest.mark.parametrize("body", [b"[1]", b"<html>", b"", b"\xff"])
def test_what_is_not_our_json_is_out_of_reach(tmp_path: Path, body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with answering(tmp_path / "s", answer), pytest.raises(CommandError, match="JSON") as caught:
        EdgeClient(tmp_path / "s").get("status")
    assert caught.value.status == 3


def test_a_segment_cannot_leave_its_place(tmp_path: Path) -> None:
    control = StandInControl()
    with serving(control, tmp_path / "s"), pytest.raises(CommandError):
        EdgeClient(tmp_path / "s").get("refusals", "../a b?c#d/\u00e9")
    assert control.asked == ("refusal", "../a b?c#d/\u00e9")
