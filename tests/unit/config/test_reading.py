from collections.abc import Mapping
from pathlib import Path

import pytest

from sipedge.config import ConfigurationError, Settings, find_config_file, load_settings

ROOT = Path(__file__).parents[3]


def problems_of(path: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, environ or {})
    lines = [str(problem) for problem in caught.value.problems]
    assert str(caught.value) == lines[0]
    assert all("\n" not in line for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sipedge.toml"


def test_an_empty_file_means_the_defaults(path: Path) -> None:
    path.write_text("")
    settings = load_settings(path, {})
    assert settings == Settings()
    assert [str(listen) for listen in settings.sip.listeners] == [
        "udp://0.0.0.0:5060",
        "tcp://0.0.0.0:5060",
    ]
    assert settings.edge.realm == "edge.test"
    assert settings.limits.call_seconds_max == 43_200


def test_the_shipped_file_spells_every_default() -> None:
    settings = load_settings(ROOT / "config/sipedge.toml", {})
    assert settings == Settings()


def test_the_shipped_file_names_every_key() -> None:
    text = (ROOT / "config/sipedge.toml").read_text()
    for section, field in Settings.model_fields.items():
        model = field.annotation if section != "trunk" else None
        assert f"[{section}]" in text
        for key in getattr(model, "model_fields", {}):
            assert f"\n{key} = " in text, f"{section}.{key}"


def test_the_example_of_the_interfaces_is_accepted(path: Path) -> None:
    path.write_text("""
[edge]
name = "edge1"
domains = ["edge.test"]
data_dir = "var"
[sip]
listen = ["udp://0.0.0.0:5060", "tls://[::1]:0"]
advertise = ""
authenticate = []
[http]
listen = "127.0.0.1:8080"
[provisioning]
listen = "127.0.0.1:8081"
listen_plain = ""
[database]
url = "sqlite:///var/sipedge.db"
[live]
url = "memory://"
[limits]
call_kbps_min = 70
call_kbps_max = 100
layer = "ip"
[[trunk]]
name = "carrier"
destinations = ["sip:127.0.0.2:5070"]
numbers = ["0", "+"]
trusted = ["127.0.0.2", "192.0.2.0/24"]
refusal_status = 503
""")
    settings = load_settings(path, {})
    (trunk,) = settings.trunk
    assert trunk.numbers == ("0", "+")
    assert [str(network) for network in trunk.networks] == ["127.0.0.2/32", "192.0.2.0/24"]
    tls = settings.sip.listeners[1]
    assert (tls.scheme, tls.host, tls.port) == ("tls", "::1", 0)
    assert settings.http.listener is not None
    assert settings.http.listener.port == 8080


# What is written, and the line that answers it.
MISTAKES = {
    '[sip]\nlisten = ["ws://0.0.0.0:80"]': 'sip.listen[0]: found "ws://0.0.0.0:80"; ws:// is not in'
    " this version; write udp://, tcp:// or tls://",
    '[sip]\nlisten = ["udp://::1:5060"]': 'sip.listen[0]: found "udp://::1:5060"; write IPv6 in'
    ' brackets, such as "udp://[::1]:5060"',
    "[sip]\nlisten = [5060]": "sip.listen[0]: found 5060; write text in quotes",
    '[sip]\nlisten = "udp://0.0.0.0:5060"': 'sip.listen: found "udp://0.0.0.0:5060"; write a list, '
    'as ["..."]',
    "[sip]\nlisten = []": 'sip.listen: found []; write at least one, as ["udp://0.0.0.0:5060"]',
    '[sip]\nlisten = ["tcp://0.0.0.0:9", "tls://0.0.0.0:9"]': "sip.listen[1]: found "
    '"tls://0.0.0.0:9"; write each address once per transport (tcp and tls share their ports)',
    '[sip]\nadvertize = "a.test"': "sip.advertize: found a key that does not exist; "
    "write `advertise`",
    "[sip]\nauthenticate = ['invite']": 'sip.authenticate[0]: found "invite"; write "INVITE": '
    "methods are in capitals",
    '[sip]\ntls_key = "k.pem"': 'sip.tls_certificate: found ""; write both tls_certificate and '
    "tls_key, or neither",
    '[sip]\nexpires_min_seconds = "60"': 'sip.expires_min_seconds: found "60"; write a whole '
    "number, without quotes",
    "[sip]\nexpires_max_seconds = 90": "sip.expires_max_seconds: found 90; write at least "
    "expires_default_seconds, 1800",
    "[sip]\nbindings_max = 0": "sip.bindings_max: found 0; write a whole number from 1 to 100 "
    "(bindings per line)",
    "[sip]\ndigest_algorithms = []": "sip.digest_algorithms: found []; write at least one",
    '[sip]\ndigest_algorithms = ["SHA-1"]': 'sip.digest_algorithms[0]: found "SHA-1"; write '
    '"SHA-512-256", "SHA-256" or "MD5"',
    "[limts]": "limts: found a section that does not exist; write `limits`",
    "sip = 5": "sip: found 5; write a table, as [sip]",
    '[live]\nurl = "redis://localhost"': 'live.url: found "redis://localhost"; Redis is not in this'
    ' version; write "memory://"',
    '[database]\nurl = "mysql://u:hunter2@h/db"': 'database.url: found "mysql://u:***@h/db"; write '
    '"sqlite:///var/sipedge.db" or "postgresql://user@host/name"',
    '[database]\nurl = "sqlite:///:memory:"': 'database.url: found "sqlite:///:memory:"; write the '
    'path of a file, as "sqlite:///var/sipedge.db"',
    '[limits]\nlayer = "etherne"': 'limits.layer: found "etherne"; write "ip", "ethernet", "pppoe" '
    'or "atm"',
    "[limits]\ncall_kbps_min = 200": "limits.call_kbps_max: found 100; write at least "
    "call_kbps_min, 200",
    '[http]\nlisten = "localhost:80"': 'http.listen: found "localhost:80"; write a numeric address '
    'of this machine, such as 127.0.0.1, 0.0.0.0 or "[::]"',
    '[screen]\ntrusted = ["10.0.0.1/8"]': 'screen.trusted[0]: found "10.0.0.1/8"; write '
    '"10.0.0.0/8" for the network, or the address alone',
    "[edge]\ndomains = []": 'edge.domains: found []; write at least one, as ["sip.example.net"]',
    '[edge]\ndomains = ["a b"]': 'edge.domains[0]: found "a b"; write a host name or an address '
    'without a port, as "sip.example.net"',
    "[[trunk]]\nnumbers = ['0']": "trunk[0].name: found nothing; this key must be there",
    "[[trunk]]\nname = 'a'\nnumbers = ['0']": "trunk[0].destinations: found nothing; write where "
    'the numbers go, as ["sip:192.0.2.1:5060"]',
    "[[trunk]]\nname = 'a'\ndestinations = ['192.0.2.1']": 'trunk[0].destinations[0]: found '
    '"192.0.2.1"; write a SIP URI of a host, as "sip:192.0.2.1:5060" or '
    '"sip:sbc.test;transport=tcp"',
    "[[trunk]]\nname = 'a'\ntrusted = ['192.0.2.1']\nrefusal_status = 404": "trunk[0]."
    "refusal_status: found 404; write 486, 480, 403 or 503",
    "[[trunk]]\nname = 'a'\ntrusted = ['192.0.2.1']\n"
    "[[trunk]]\nname = 'b'\ntrusted = ['192.0.2.1']": 'trunk[1].trusted[0]: found "192.0.2.1"; '
    "write a source of this trunk: that one is trunk a",
    "[trunk]\nname = 'a'": 'trunk: found {"name": "a"}; write a list, as ["..."]',
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_one_line_with_key_found_and_instead(path: Path, text: str) -> None:
    assert problems_of(path, text)[0] == MISTAKES[text]


def test_every_mistake_is_listed(path: Path) -> None:
    found = problems_of(path, "[limits]\nlayer = 3\n[log]\nlevel = 'loud'\nformat = 'xml'")
    assert [line.partition(":")[0] for line in found] == ["limits.layer", "log.level", "log.format"]


@pytest.mark.parametrize("text", ["[sip", "a = " + "[" * 9_000, 'x = "\x01"', "n = " + "9" * 5_000])
def test_what_is_not_toml_is_one_line(path: Path, text: str) -> None:
    assert len(problems_of(path, text)) == 1


def test_a_file_in_another_encoding_is_one_line(path: Path) -> None:
    path.write_bytes(b'[edge]\nname = "\xe9"')
    with pytest.raises(ConfigurationError, match="found byte 0xe9; write the file in UTF-8"):
        load_settings(path, {})


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"sipedge\.toml: no such file"):
        load_settings(path, {})


def test_a_certificate_that_cannot_be_read_is_named(path: Path) -> None:
    found = problems_of(path, '[sip]\ntls_certificate = "no.pem"\ntls_key = "no.key"')
    said = "No such file or directory; write the path of a PEM file that can be read"
    assert found == [f'sip.tls_certificate: found "no.pem"; {said}']


def test_variables_lie_over_the_file(path: Path) -> None:
    path.write_text('[edge]\nname = "file"\n[limits]\nring_seconds = 30\n')
    settings = load_settings(
        path,
        {
            "SIPEDGE__EDGE__NAME": "environment",
            "SIPEDGE__SIP__LISTEN": "udp://127.0.0.1:5070, tcp://[::1]:5070",
            "SIPEDGE__SIP__AUTHENTICATE": "[]",
            "SIPEDGE__NUMBERING__COUNTRY_CODE": "32",
            "SIPEDGE__LIMITS__LAYER": "atm",
            "SIPEDGE__LIMITS__CALL_KBPS_MAX": "120",
        },
    )
    assert settings.edge.name == "environment"
    assert settings.sip.listen == ("udp://127.0.0.1:5070", "tcp://[::1]:5070")
    assert settings.sip.authenticate == ()
    assert settings.numbering.country_code == "32"
    assert (settings.limits.layer, settings.limits.call_kbps_max) == ("atm", 120)
    assert settings.limits.ring_seconds == 30


VARIABLES = {
    ("SIPEDGE__SIP__LISTE", "udp://0.0.0.0:1"): "environment: SIPEDGE__SIP__LISTE: found `liste`; "
    "write `listen` after SIPEDGE__SIP__",
    ("SIPEDGE__SPI__LISTEN", "udp://0.0.0.0:1"): "environment: SIPEDGE__SPI__LISTEN: found `spi`; "
    "write `sip` after SIPEDGE__",
    ("SIPEDGE__TRUNK__NAME", "a"): "environment: SIPEDGE__TRUNK__NAME: found `trunk`; write trunks "
    "in the file, as [[trunk]]",
    ("SIPEDGE__SIP__LISTEN", "udp://0.0.0.0:1,wss://a"): "environment: SIPEDGE__SIP__LISTEN[1]: "
    'found "wss://a"; wss:// is not in this version; write udp://, tcp:// or tls://',
    ("SIPEDGE__LIMITS__RING_SECONDS", "long"): "environment: SIPEDGE__LIMITS__RING_SECONDS: found "
    '"long"; write a whole number, without quotes',
    ("SIPEDGE__LIMITS__RING_SECONDS", "60\nx = 1"): "environment: SIPEDGE__LIMITS__RING_SECONDS: "
    'found "60\\nx = 1"; write it in one line',
}


@pytest.mark.parametrize(("name", "value"), VARIABLES)
def test_a_wrong_variable_is_named(path: Path, name: str, value: str) -> None:
    assert problems_of(path, "", {name: value}) == [VARIABLES[name, value]]


def test_the_file_is_the_one_given_then_the_variable_then_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given, named = tmp_path / "given.toml", tmp_path / "named.toml"
    environ = {"SIPEDGE_CONFIG": str(named)}
    assert find_config_file(given, environ) == given
    assert find_config_file(None, environ) == named
    (tmp_path / "config").mkdir()
    (tmp_path / "config/sipedge.toml").touch()
    assert find_config_file(None, {}) == Path("config/sipedge.toml")


def test_settings_show_no_password_of_the_database(path: Path) -> None:
    path.write_text('[database]\nurl = "postgresql://u:hunter2@h/db"')
    assert "hunter2" not in repr(load_settings(path, {}))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().edge.name = "other"  # type: ignore[misc]
