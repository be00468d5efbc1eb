import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.accounts.errors import DomainError
from sipedge.accounts.numbers import (
    Numbering,
    check_canonical,
    check_line_number,
    is_canonical,
    is_lab_name,
)

FRANCE = Numbering()


@pytest.mark.parametrize(
    "text",
    ["0033972100001", "+33972100001", "0972100001", "+33 9 72 10 00 01", "09.72.10.00-01"],
)
def test_every_way_to_write_a_number_is_one_number(text: str) -> None:
    assert FRANCE.canonical(text) == "0033972100001"


def test_the_canonical_form_does_not_depend_on_how_a_country_dials() -> None:
    america = Numbering("1", "011", "1")
    assert america.canonical("+33972100001") == "0033972100001"
    assert america.canonical("01133972100001") == "0033972100001"
    assert america.canonical("12125550100") == "0012125550100"
    italy = Numbering("39", "00", "")
    assert italy.canonical("+390612345678") == "00390612345678"


@pytest.mark.parametrize(
    "text",
    [
        "", "+", "0", "00", "15", "112", "3651", "33972100001", "972100001",
        "+330972100001", "0033 0972100001", "+0123456", "00000000000",
        "0033972100001x", "sip:0033972100001", "+33(0)972100001", "++33972100001",
        "\u0660\u0660\u0663\u0663972100001", "\uff10\uff10\uff13\uff13972100001",
        "0033\u00b2972100001",
        "0033972100001\n", "0033_972100001", "00339721000012345678", "Sipp", "1lab",
    ],
)  # fmt: skip
def test_what_is_no_complete_number_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(DomainError, match=r"found .*; (write|leave out)") as caught:
        FRANCE.line_number(text)
    assert caught.value.field == "number"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["sipp", "a", "lab-1.x_y", "a" * 32])
def test_a_laboratory_line_has_a_lower_case_name(text: str) -> None:
    assert FRANCE.line_number(text) == text
    assert is_lab_name(text)
    check_line_number("line", text)
    with pytest.raises(DomainError):
        FRANCE.canonical(text)


@pytest.mark.parametrize("text", ["", "A", "1a", "-a", "a" * 33, "a b", "\u00e9", "a\n"])
def test_other_names_are_refused(text: str) -> None:
    assert not is_lab_name(text)
    with pytest.raises(DomainError):
        check_line_number("line", text)


def test_only_a_canonical_number_is_stored() -> None:
    check_canonical("number", "0033972100001")
    for text in ("+33972100001", "0972100001", "sipp"):
        with pytest.raises(DomainError):
            check_canonical("number", text)


@given(st.text(alphabet="+0123456789 .-", max_size=24))
def test_what_is_accepted_is_canonical_and_stays_itself(text: str) -> None:
    try:
        number = FRANCE.canonical(text)
    except DomainError:
        return
    assert is_canonical(number)
    assert FRANCE.canonical(number) == number


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_a_refusal(text: str) -> None:
    try:
        check_line_number("n", FRANCE.line_number(text))
    except DomainError as error:
        said = str(error)
    else:
        return
    assert said.isprintable()
