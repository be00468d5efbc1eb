import asyncio
import os
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from sipedge.transport.tls import ServerTls, make_certificate
from tests.unit.transport.bench import OPTIONS, Bench, make_server_tls, trusting, until


def replace_certificate(folder: Path, host: str = "127.0.0.1") -> None:
    """Put a new pair in place, as a renewal does: two files, one after the other."""
    make_certificate(folder / "new.crt", folder / "new.key", [host])
    (folder / "new.key").replace(folder / "tls.key")
    (folder / "new.crt").replace(folder / "tls.crt")


def test_a_certificate_names_its_hosts_and_its_key_is_private(tmp_path: Path) -> None:
    make_certificate(tmp_path / "a.crt", tmp_path / "a.key", ["edge.test", "127.0.0.1", "::1"])
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate((tmp_path / "a.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["edge.test"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == [
        "127.0.0.1",
        "::1",
    ]


def test_files_that_do_not_belong_together_are_no_pair(tmp_path: Path) -> None:
    make_certificate(tmp_path / "a.crt", tmp_path / "a.key", ["a"])
    make_certificate(tmp_path / "b.crt", tmp_path / "b.key", ["b"])
    with pytest.raises(ssl.SSLError):
        ServerTls(tmp_path / "a.crt", tmp_path / "b.key")
    with pytest.raises(FileNotFoundError):
        ServerTls(tmp_path / "c.crt", tmp_path / "c.key")


def test_nothing_is_loaded_while_nothing_has_changed(tmp_path: Path) -> None:
    assert not make_server_tls(tmp_path).reload_if_changed()


def test_a_replaced_pair_is_loaded_even_with_the_old_times(tmp_path: Path) -> None:
    tls = make_server_tls(tmp_path)
    times = (tmp_path / "tls.crt").stat()
    replace_certificate(tmp_path)
    for name in ("tls.crt", "tls.key"):
        os.utime(tmp_path / name, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert tls.reload_if_changed()
    assert not tls.reload_if_changed()


def test_half_a_replacement_is_reported_once_and_the_old_pair_stays(tmp_path: Path) -> None:
    tls = make_server_tls(tmp_path)
    make_certificate(tmp_path / "new.crt", tmp_path / "new.key", ["127.0.0.1"])
    (tmp_path / "new.crt").replace(tmp_path / "tls.crt")
    with pytest.raises(ssl.SSLError):
        tls.reload_if_changed()
    assert not tls.reload_if_changed()
    (tmp_path / "new.key").replace(tmp_path / "tls.key")
    assert tls.reload_if_changed()


def test_a_missing_file_is_reported_once(tmp_path: Path) -> None:
    tls = make_server_tls(tmp_path)
    (tmp_path / "tls.key").unlink()
    with pytest.raises(FileNotFoundError):
        tls.reload_if_changed()
    assert not tls.reload_if_changed()


async def test_the_next_handshake_uses_the_new_certificate_and_the_old_flow_stays(
    tmp_path: Path,
) -> None:
    tls = make_server_tls(tmp_path)
    async with Bench() as bench:
        port = await bench.streams.listen(0, "TLS", "127.0.0.1", 0, tls.context)
        reader, old = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(tmp_path))
        old.write(OPTIONS)
        await until(lambda: len(bench.received) == 1)
        replace_certificate(tmp_path)
        assert tls.reload_if_changed()
        _, new = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(tmp_path))
        new.write(OPTIONS)
        await until(lambda: len(bench.received) == 2)
        old.write(OPTIONS)
        await until(lambda: len(bench.received) == 3)
        assert bench.received[0][1] == bench.received[2][1]
        bench.streams.send(bench.received[0][1], OPTIONS)
        assert await reader.readexactly(len(OPTIONS)) == OPTIONS
        old.close()
        new.close()


async def test_an_old_version_of_tls_is_refused(tmp_path: Path) -> None:
    tls = make_server_tls(tmp_path)
    context = trusting(tmp_path)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with Bench() as bench:
        port = await bench.streams.listen(0, "TLS", "127.0.0.1", 0, tls.context)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=context)
