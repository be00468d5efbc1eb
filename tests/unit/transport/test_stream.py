import asyncio
import contextlib
import resource
import socket
import ssl
from pathlib import Path

import pytest

from sipedge.sip.flow import Flow
from sipedge.transport import stream
from sipedge.transport.stream import (
    IDLE_SECONDS_MAX,
    MESSAGE_SECONDS_MAX,
    STOP_SECONDS_MAX,
    WRITE_BUFFER_BYTES_MAX,
    find_connections_max,
)
from tests.unit.transport.bench import (
    LISTENER,
    OPTIONS,
    Bench,
    Peer,
    make_server_tls,
    trusting,
    until,
)


async def is_cut(reader: asyncio.StreamReader) -> bool:
    """Whether the edge ended this connection; everything that was still to be read is read."""
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(10):
            while await reader.read(65_536):
                pass
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_messages_are_cut_out_of_a_stream_however_it_arrives() -> None:
    async with Bench() as bench:
        _, writer = await bench.connect()
        for piece in (OPTIONS[:1], OPTIONS[1:40], OPTIONS[40:] + OPTIONS + OPTIONS[:9]):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(OPTIONS[9:])
        await until(lambda: len(bench.received) == 3)
        assert [wire for wire, _ in bench.received] == [OPTIONS] * 3
        writer.close()


async def test_a_flow_names_the_peer_and_its_connection() -> None:
    async with Bench() as bench:
        writers = [(await bench.connect())[1] for _ in range(2)]
        flows = [await bench.flow_of(writer) for writer in writers]
        for writer, flow in zip(writers, flows, strict=True):
            assert (flow.host, flow.port) == writer.get_extra_info("sockname")
            assert (flow.listener, flow.transport, flow.reliable) == (LISTENER, "TCP", True)
        assert flows[0].connection != flows[1].connection
        assert bench.streams.count_by_transport() == {"tcp": 2, "tls": 0}
        assert len(bench.streams) == 2
        for writer in writers:
            writer.close()
        await until(lambda: not len(bench.streams))
        assert bench.streams.count_by_transport() == {"tcp": 0, "tls": 0}


async def test_an_answer_goes_out_on_the_connection_of_its_flow() -> None:
    async with Bench() as bench:
        reader, writer = await bench.connect()
        _, other = await bench.connect()
        flow = await bench.flow_of(writer)
        bench.streams.send(flow, b"SIP/2.0 200 OK\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"SIP/2.0 200 OK\r\n\r\n"
        writer.close()
        other.close()


async def test_a_ping_is_answered_with_a_pong() -> None:
    async with Bench() as bench:
        reader, writer = await bench.connect()
        writer.write(b"\r\n\r\n")
        assert await reader.readexactly(2) == b"\r\n"
        assert bench.received == []
        writer.close()


async def test_the_effects_are_drained_after_each_piece_of_a_stream() -> None:
    async with Bench() as bench:
        _, writer = await bench.connect()
        await bench.flow_of(writer)
        assert bench.flushes == 1
        writer.close()


async def test_a_stream_that_cannot_be_cut_is_refused_and_closed() -> None:
    """What stood before the mistake is still served."""
    async with Bench() as bench:
        reader, writer = await bench.connect()
        writer.write(OPTIONS + b"OPTIONS sip:x SIP/2.0\r\nContent-Length: many\r\n\r\n")
        assert await is_cut(reader)
        assert [wire for wire, _ in bench.received] == [OPTIONS]
        ((error, flow),) = bench.refused
        assert error.status == 400
        assert error.wire.startswith(b"OPTIONS sip:x")
        assert flow == bench.received[0][1]
        writer.close()


async def test_a_lost_connection_fails_its_flow_once() -> None:
    async with Bench() as bench:
        _, writer = await bench.connect()
        flow = await bench.flow_of(writer)
        writer.close()
        await until(lambda: bench.failed)
        assert bench.failed == [flow]
        assert bench.unconnected == []
        bench.streams.send(flow, OPTIONS)
        assert bench.failed == [flow, flow], "a send on a flow that is gone fails at once"


async def test_a_message_that_trickles_in_is_cut_off() -> None:
    """A slow-loris sends one octet every few seconds; the clock starts with the first one."""
    async with Bench() as bench:
        reader, writer = await bench.connect()
        _, patient = await bench.connect()
        await bench.flow_of(patient)
        for octet in OPTIONS[:5]:
            writer.write(bytes((octet,)))
            await writer.drain()
            await asyncio.sleep(0.005)
            bench.now += MESSAGE_SECONDS_MAX / 4
            bench.streams.close_overdue()
        assert await is_cut(reader)
        await until(lambda: len(bench.streams) == 1)
        writer.close()
        patient.close()


async def test_a_phone_that_only_keeps_its_flow_alive_is_left_alone() -> None:
    async with Bench() as bench:
        reader, writer = await bench.connect()
        for _ in range(4):
            writer.write(b"\r\n\r\n")
            await reader.readexactly(2)
            bench.now += IDLE_SECONDS_MAX * 0.9
            bench.streams.close_overdue()
        assert len(bench.streams) == 1
        bench.now += IDLE_SECONDS_MAX * 0.2
        bench.streams.close_overdue()
        assert await is_cut(reader)
        writer.close()


async def test_a_host_gets_so_many_connections_and_no_more() -> None:
    async with Bench(connections_per_host_max=3) as bench:
        kept = [await bench.connect() for _ in range(3)]
        for _, writer in kept:
            await bench.flow_of(writer)
        reader, refused = await bench.connect()
        assert await is_cut(reader)
        refused.close()
        assert len(bench.streams) == 3
        kept[0][1].close()
        await until(lambda: len(bench.streams) == 2)
        _, writer = await bench.connect()
        await bench.flow_of(writer)
        for _, open_writer in [*kept[1:], (None, writer)]:
            open_writer.close()


async def test_everybody_together_gets_no_more_than_there_are_files() -> None:
    async with Bench(connections_max=2) as bench:
        kept = [await bench.connect() for _ in range(2)]
        for _, writer in kept:
            await bench.flow_of(writer)
        reader, refused = await bench.connect()
        assert await is_cut(reader)
        for writer in (refused, *(writer for _, writer in kept)):
            writer.close()


def test_the_connections_leave_files_for_the_rest() -> None:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert find_connections_max() > 0
    assert files == resource.RLIM_INFINITY or find_connections_max() < files


async def test_a_peer_that_does_not_read_is_cut_off() -> None:
    async with Bench() as bench:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", bench.port))
            deaf.sendall(OPTIONS)
            await until(lambda: bench.received)
            flow = bench.received[0][1]
            for _ in range(200):
                bench.streams.send(flow, b"x" * (WRITE_BUFFER_BYTES_MAX // 10))
            await until(lambda: bench.failed)
            assert len(bench.streams) == 0


async def test_a_deaf_peer_does_not_keep_its_connection_after_its_time() -> None:
    """It is closed first; what it does not take by the next look is thrown away."""
    async with Bench() as bench:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", bench.port))
            deaf.sendall(OPTIONS)
            await until(lambda: bench.received)
            flow = bench.received[0][1]
            transport = bench.streams._connections[flow.connection]._transport
            assert transport is not None
            while not transport.get_write_buffer_size():
                bench.streams.send(flow, b"x" * (WRITE_BUFFER_BYTES_MAX // 10))
                await asyncio.sleep(0.001)
            assert not bench.failed
            bench.now += IDLE_SECONDS_MAX + 1
            bench.streams.close_overdue()
            bench.streams.close_overdue()
            await until(lambda: bench.failed)


async def test_messages_to_an_address_share_one_connection_of_ours() -> None:
    async with Bench() as bench, Peer() as peer:
        flow = Flow(LISTENER, "TCP", "127.0.0.1", peer.port)
        for _ in range(3):
            bench.streams.send(flow, OPTIONS)
        await until(lambda: peer.read == OPTIONS * 3)
        bench.streams.send(flow, OPTIONS)
        await until(lambda: peer.read == OPTIONS * 4)
        assert len(peer.writers) == 1


async def test_what_comes_back_on_a_connection_of_ours_is_received() -> None:
    async with Bench() as bench, Peer() as peer:
        bench.streams.send(Flow(LISTENER, "TCP", "127.0.0.1", peer.port), OPTIONS)
        await until(lambda: peer.read)
        # A CRLF in front of a response is the answer to a ping of ours, and no ping.
        peer.writers[0].write(b"\r\n" + OPTIONS)
        await until(lambda: bench.received)
        ((wire, flow),) = bench.received
        assert wire == OPTIONS
        assert (flow.host, flow.port) == ("127.0.0.1", peer.port)


async def test_a_connection_of_ours_that_breaks_fails_what_was_sent_to_its_address() -> None:
    async with Bench() as bench, Peer() as peer:
        flow = Flow(LISTENER, "TCP", "127.0.0.1", peer.port)
        bench.streams.send(flow, OPTIONS)
        await until(lambda: peer.read)
        peer.writers[0].transport.abort()
        await until(lambda: bench.unconnected)
        assert bench.unconnected == [flow]


async def test_a_connection_nobody_takes_fails_what_waited_for_it() -> None:
    async with Bench() as bench:
        flow = Flow(LISTENER, "TCP", "127.0.0.1", free_port())
        bench.streams.send(flow, OPTIONS)
        bench.streams.send(flow, OPTIONS)
        await until(lambda: bench.unconnected)
        assert bench.unconnected == [flow]


async def test_a_connection_of_ours_over_the_limit_fails_what_waited_for_it() -> None:
    async with Bench(connections_max=1) as bench, Peer() as peer:
        _, writer = await bench.connect()
        await bench.flow_of(writer)
        flow = Flow(LISTENER, "TCP", "127.0.0.1", peer.port)
        bench.streams.send(flow, OPTIONS)
        await until(lambda: bench.unconnected)
        assert bench.unconnected == [flow]
        writer.close()


async def test_stopping_does_not_wait_for_peers_that_stay(tmp_path: Path) -> None:
    """Neither a phone that keeps its connection nor a half-made TLS handshake holds it up."""
    async with asyncio.timeout(STOP_SECONDS_MAX * 2 + 5):
        async with Bench() as bench:
            tls = make_server_tls(tmp_path)
            port = await bench.streams.listen(0, "TLS", "127.0.0.1", 0, tls.context)
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=trusting(tmp_path)
            )
            writer.write(OPTIONS)
            await until(lambda: bench.received)
            _, silent = await asyncio.open_connection("127.0.0.1", port)
            _, plain = await bench.connect()
            await bench.flow_of(plain)
    assert len(bench.streams) == 0
    assert await is_cut(reader)
    for end in (writer, silent, plain):
        end.transport.abort()


async def test_a_phone_is_served_over_tls(tmp_path: Path) -> None:
    async with Bench() as bench:
        tls = make_server_tls(tmp_path)
        port = await bench.streams.listen(0, "TLS", "127.0.0.1", 0, tls.context)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(tmp_path))
        writer.write(OPTIONS)
        await until(lambda: bench.received)
        flow = bench.received[0][1]
        assert flow.transport == "TLS"
        assert bench.streams.count_by_transport() == {"tcp": 0, "tls": 1}
        bench.streams.send(flow, OPTIONS)
        assert await reader.readexactly(len(OPTIONS)) == OPTIONS
        writer.close()


async def test_a_handshake_that_is_not_finished_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HANDSHAKE_SECONDS_MAX", 0.2)
    async with Bench() as bench:
        tls = make_server_tls(tmp_path)
        port = await bench.streams.listen(0, "TLS", "127.0.0.1", 0, tls.context)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await is_cut(reader)
        writer.close()


async def test_the_name_a_peer_was_looked_up_by_is_what_its_certificate_must_show(
    tmp_path: Path,
) -> None:
    """A carrier's certificate names its domain, not the address that the domain leads to."""
    async with Bench() as bench, Bench() as carrier:
        tls = make_server_tls(tmp_path, host="carrier.example")
        port = await carrier.streams.listen(0, "TLS", "127.0.0.1", 0, tls.context)
        bench.streams.client_tls = trusting(tmp_path)
        flow = Flow(LISTENER, "TLS", "127.0.0.1", port)
        bench.streams.send(flow, OPTIONS)
        await until(lambda: bench.unconnected)
        assert carrier.received == []
        bench.streams.server_names["127.0.0.1", port] = "carrier.example"
        bench.streams.send(flow, OPTIONS)
        await until(lambda: carrier.received)
        assert bench.unconnected == [flow]


async def test_a_stranger_without_tls_is_turned_away_from_a_tls_port(tmp_path: Path) -> None:
    async with Bench() as bench:
        tls = make_server_tls(tmp_path)
        port = await bench.streams.listen(0, "TLS", "127.0.0.1", 0, tls.context)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(OPTIONS)
        assert await is_cut(reader)
        writer.close()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _, good = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        good.write(OPTIONS)
        await until(lambda: bench.received)
        good.close()
