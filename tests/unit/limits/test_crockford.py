import pytest

from sipedge.limits import crockford


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (31, "Z"), (32, "10"), (111, "3F"), (32**4, "10000")],
)
def test_numbers_take_as_few_symbols_as_they_need(number: int, text: str) -> None:
    assert crockford.encode(number) == text


def test_negative_numbers_have_no_code() -> None:
    with pytest.raises(AssertionError):
        crockford.encode(-1)


def test_every_symbol_is_drawn_from_as_many_bytes() -> None:
    drawn = crockford.symbols(bytes(range(256)))
    assert {drawn.count(symbol) for symbol in crockford.ALPHABET} == {8}
    assert not set("ILOU") & set(drawn)


@pytest.mark.parametrize(
    "typed", ["7F10", "7f10", "7FlO", "7fIo", " 7-F\u20131 0 ", '"7F10"', "7F\u22121O"]
)
def test_a_code_is_read_as_it_was_meant(typed: str) -> None:
    assert crockford.fold(typed) == "7F10"
