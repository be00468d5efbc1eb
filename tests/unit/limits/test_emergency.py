import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.limits.emergency import (
    CallbackWindow,
    EmergencyEntry,
    EmergencyNumbers,
    is_sos_urn,
)

FRENCH = ("15", "17", "18", "112", "114", "115", "116000", "116117", "119", "191", "196", "197")


def entries(*numbers: str) -> list[EmergencyEntry]:
    return [EmergencyEntry(number, "rescue") for number in numbers]


@pytest.fixture(scope="module")
def numbers() -> EmergencyNumbers:
    return EmergencyNumbers(entries(*FRENCH), "2022-12-01")


@pytest.mark.parametrize("number", FRENCH)
@pytest.mark.parametrize("before", ["", "0", "0,", "+33", "0033", "00033", "0+33"])
def test_a_number_matches_however_it_is_dialled(
    numbers: EmergencyNumbers, number: str, before: str
) -> None:
    user = (before + number).encode()
    assert numbers.match(user, outside_prefixes=(b"0",)) == number


@pytest.mark.parametrize("user", [b"1-1-2", b"1.1.2", b"(112)", b" 112", b"1 12", b"+33.112"])
def test_separators_are_not_dialled(numbers: EmergencyNumbers, user: bytes) -> None:
    assert numbers.match(user) == "112"


@pytest.mark.parametrize(
    "user",
    [
        b"",
        b"0",
        b"1",
        b"150",
        b"0150",
        b"0155555555",
        b"0033155555555",
        b"+33155555555",
        b"1120",
        b"01120",
        b"0015",
        b"+15",
        b"+4415",
        b"0044112",
        b"015x",
        b"sos",
        b"112*",
        "\uff11\uff11\uff12".encode(),
    ],
)
def test_an_emergency_number_inside_another_does_not_match(
    numbers: EmergencyNumbers, user: bytes
) -> None:
    assert numbers.match(user, outside_prefixes=(b"0",)) is None


def test_an_outside_prefix_counts_only_where_it_is_configured(numbers: EmergencyNumbers) -> None:
    assert numbers.match(b"0112") is None
    assert numbers.match(b"9112", outside_prefixes=(b"0", b"9")) == "112"
    assert numbers.match(b"09112", outside_prefixes=(b"0", b"9")) is None
    assert numbers.match(b"115", outside_prefixes=(b"1",)) == "115"


@given(st.binary(max_size=40))
def test_any_user_part_gets_an_answer(user: bytes) -> None:
    numbers = EmergencyNumbers(entries(*FRENCH), "2022-12-01")
    found = numbers.match(user, outside_prefixes=(b"0",))
    assert found is None or user.translate(None, b"-.() ,").endswith(found.encode())


@given(st.from_regex(rb"[0-9]{7,15}", fullmatch=True))
def test_no_national_or_local_number_is_an_emergency(user: bytes) -> None:
    numbers = EmergencyNumbers(entries(*FRENCH), "2022-12-01")
    found = numbers.match(user)
    assert found is None or user == b"0033" + found.encode()


def test_the_list_keeps_its_date_and_its_services(numbers: EmergencyNumbers) -> None:
    assert numbers.effective_date == "2022-12-01"
    assert numbers.entries[0] == EmergencyEntry("15", "rescue")


def test_another_country_has_its_own_prefixes() -> None:
    american = EmergencyNumbers(
        entries("911"), "2026-01-01", country_code="1", international_prefix="011"
    )
    assert american.match(b"0111911") == "911"
    assert american.match(b"+1911") == "911"
    assert american.match(b"+33911") is None


@pytest.mark.parametrize(
    ("listed", "date", "country", "international", "complaint"),
    [
        ((), "2022-12-01", "33", "00", "the list is empty"),
        (("5",), "2022-12-01", "33", "00", "number '5' is not 2 to 6 digits"),
        (("0155555555",), "2022-12-01", "33", "00", "number '0155555555' is not"),
        (("1I2",), "2022-12-01", "33", "00", "number '1I2' is not"),
        (("\u00b9\u00b2",), "2022-12-01", "33", "00", "is not 2 to 6 digits"),
        (("\uff11\uff15",), "2022-12-01", "33", "00", "is not 2 to 6 digits"),
        (("112", "15", "112"), "2022-12-01", "33", "00", "112 is listed twice"),
        (("112",), "1 December 2022", "33", "00", "effective_date '1 December 2022' is no date"),
        (("112",), "2022-13-01", "33", "00", "write it as 2022-12-01"),
        (("112",), "2022-12-01", "+33", "00", "country_code"),
        (("112",), "2022-12-01", "33", "", "international_prefix"),
    ],
)
def test_a_list_that_cannot_be_right_is_refused(
    listed: tuple[str, ...], date: str, country: str, international: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint.replace("+", r"\+")):
        EmergencyNumbers(
            entries(*listed), date, country_code=country, international_prefix=international
        )


@pytest.mark.parametrize(
    "uri",
    [
        b"urn:service:sos",
        b"URN:Service:SOS",
        b"urn:service:sos.ambulance",
        b"urn:service:sos.ecall.automatic",
        b"urn:service:SOS.Fire",
        b"urn:service:sos?+x",
    ],
)
def test_sos_urns_are_known_in_any_case(uri: bytes) -> None:
    assert is_sos_urn(uri)


@pytest.mark.parametrize(
    "uri",
    [
        b"",
        b"urn:service:so",
        b"urn:service:sosx",
        b"urn:service:sos-ambulance",
        b"urn:service:counseling",
        b"sip:sos@example.org",
        b" urn:service:sos",
    ],
)
def test_other_uris_are_no_sos(uri: bytes) -> None:
    assert not is_sos_urn(uri)


@pytest.mark.parametrize(
    "uri",
    [
        b"sip:112@edge.test",
        b"sips:0112@edge.test:5061;transport=tls",
        b"sip:112;phone-context=+33@edge.test;user=phone",
        b"tel:112;phone-context=+33",
        b"tel:+33112",
        b"URN:service:sos.fire",
    ],
)
def test_an_emergency_call_is_seen_before_parsing(numbers: EmergencyNumbers, uri: bytes) -> None:
    wire = b"INVITE " + uri + b" SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n\r\n"
    assert numbers.peek(wire, outside_prefixes=(b"0",))


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"INVITE ",
        b"INVITE sip:112@edge.test",
        b"INVITE sip:0155555555@edge.test SIP/2.0\r\n\r\n",
        b"INVITE 112 SIP/2.0\r\n\r\n",
        b"REGISTER sip:112@edge.test SIP/2.0\r\n\r\n",
        b"INVITE sip:112" + b"0" * 10_000 + b"@edge.test SIP/2.0\r\n\r\n",
        b"\x00" * 100,
    ],
)
def test_other_bytes_are_no_emergency_call(numbers: EmergencyNumbers, wire: bytes) -> None:
    assert not numbers.peek(wire)


@given(st.binary(max_size=300))
def test_peeking_at_any_bytes_gets_an_answer(wire: bytes) -> None:
    numbers = EmergencyNumbers(entries(*FRENCH), "2022-12-01")
    assert numbers.peek(b"INVITE " + wire) in {True, False}


def test_a_line_that_called_for_help_can_be_called_back_for_a_while() -> None:
    window = CallbackWindow(1800.0, 10)
    assert not window.covers("0033972100001", 0.0)
    window.remember("0033972100001", 0.0)
    assert window.covers("0033972100001", 1799.0)
    assert not window.covers("0033972100002", 1799.0)
    assert not window.covers("0033972100001", 1800.0)
    assert len(window) == 0


def test_a_second_call_for_help_opens_the_window_anew() -> None:
    window = CallbackWindow(1800.0, 10)
    window.remember("a", 0.0)
    window.remember("a", 1000.0)
    assert window.covers("a", 2000.0)


def test_the_line_that_called_the_longest_ago_is_forgotten_first() -> None:
    window = CallbackWindow(1800.0, 2)
    for at, line in enumerate("abac"):
        window.remember(line, float(at))
    assert window.covers("a", 5.0)
    assert window.covers("c", 5.0)
    assert not window.covers("b", 5.0)
