"""Header names: every spelling finds its id, and nothing that is no token passes for a name."""

import pytest

from sipedge.sip import names, status


def header_ids() -> list[int]:
    """Collect the ids that have a canonical name."""
    return sorted(set(names.TABLE.values()))


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        (b"Via", names.VIA),
        (b"via", names.VIA),
        (b"VIA", names.VIA),
        (b"vIa", names.VIA),
        (b"v", names.VIA),
        (b"V", names.VIA),
        (b"TO ", names.TO),
        (b"Via \t ", names.VIA),
        (b"Call-Id", names.CALL_ID),
        (b"cALL-iD", names.CALL_ID),
        (b"MaX-fOrWaRdS", names.MAX_FORWARDS),
        (b"P-Asserted-Identity\t", names.P_ASSERTED_IDENTITY),
        (b"x", names.SESSION_EXPIRES),
        (b"X-Anything", names.OTHER),
        (b"C%6Fntact", names.OTHER),
        (b"extensionHeader-!.%*+_`'~", names.OTHER),
    ],
)
def test_a_spelling_names_its_header(spelling: bytes, expected: int) -> None:
    assert names.header_id(spelling) == expected


@pytest.mark.parametrize(
    "name",
    [
        b"",
        b" ",
        b"To\x01",
        b"\x0bTo",
        b"To\x0b",
        b"To\x0c",
        b" To",
        b"To\r",
        b"T o",
        b"To\x00",
        b"To\xa0",
        b"\xe2\x84\xaa",
        b"Call-\xc4\xb0D",
        b"To;tag=1",
        b'"To"',
    ],
)
def test_a_name_that_is_no_token_is_invalid(name: bytes) -> None:
    assert names.header_id(name) == names.INVALID


def test_every_id_finds_itself_in_every_usual_spelling() -> None:
    for identifier in header_ids():
        name = names.canonical_name(identifier)
        for spelling in (name, name.lower(), name.upper(), name.swapcase(), name + b" "):
            assert names.header_id(spelling) == identifier


def test_ids_are_distinct_and_leave_room_for_other_and_invalid() -> None:
    constants = {
        key: value
        for key, value in vars(names).items()
        if key.isupper() and isinstance(value, int) and not key.startswith("_")
    }
    assert len(set(constants.values())) == len(constants)
    assert sorted(set(constants.values()) - {names.INVALID, names.OTHER}) == header_ids()


def test_other_has_no_canonical_name() -> None:
    with pytest.raises(KeyError):
        names.canonical_name(names.OTHER)


def test_methods_are_what_their_names_say() -> None:
    for method in names.METHODS:
        assert getattr(names, method.decode()) == method


def test_a_known_status_has_its_phrase_and_an_unknown_one_that_of_its_class() -> None:
    assert status.reason_phrase(486) == b"Busy Here"
    assert status.reason_phrase(199) == b"Early Dialog Terminated"
    assert status.reason_phrase(699) == b"Global Failure"
    assert status.reason_phrase(499) == b"Request Failure"


def test_phrases_can_stand_in_a_status_line() -> None:
    for code, phrase in status.REASON_PHRASES.items():
        assert 100 <= code <= 699
        assert phrase == phrase.strip()
        assert phrase.isascii()
        assert b"\r" not in phrase
        assert b"\n" not in phrase
