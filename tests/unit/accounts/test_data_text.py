import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.accounts.data_set import DataSet
from sipedge.accounts.data_text import write_data_set
from sipedge.accounts.entity import Entity
from sipedge.accounts.groups import Group
from sipedge.accounts.lines import Line
from sipedge.accounts.secret import ClearSecret
from tests.unit.accounts.memory import BASE, parse

ROOT = Path(__file__).parents[3]
PRINTABLE = st.characters(exclude_categories=["C", "Z"]) | st.just(" ")


def test_what_is_written_reads_back_the_same() -> None:
    for text in (BASE, (ROOT / "config/demo.toml").read_text()):
        data = parse(text)
        written = write_data_set(data)
        assert parse(written) == data
        assert write_data_set(parse(written)) == written


def test_the_order_of_the_file_does_not_matter() -> None:
    def line(number: str) -> Line:
        return Line(
            number=number, group="g", offer="trunk", simultaneous_calls=1, password=ClearSecret("p")
        )

    first, second = line("0033972100001"), line("0033972100002")
    assert write_data_set(DataSet(lines=[first, second])) == write_data_set(
        DataSet(lines=[second, first])
    )


def test_what_is_as_by_default_is_left_out() -> None:
    line = Line(number="sipp", group="g", offer="trunk", simultaneous_calls=0)
    assert write_data_set(DataSet(lines=[line])) == (
        '[[line]]\nnumber = "sipp"\ngroup = "g"\noffer = "trunk"\nsimultaneous_calls = 0\n'
    )


@given(
    description=st.text(PRINTABLE, max_size=40),
    password=st.text(PRINTABLE, min_size=1, max_size=40),
    calls=st.integers(0, 100),
    enabled=st.booleans(),
)
def test_any_text_survives_the_file(
    description: str, password: str, calls: int, enabled: bool
) -> None:
    line = Line(
        number="0033972100001",
        group="g",
        offer="entreprise",
        simultaneous_calls=calls,
        password=ClearSecret(password),
        description=description,
        enabled=enabled,
    )
    group = Group(billing_account="g", admin="a", tech="a", billing="a", description=description)
    data = DataSet(groups=[group], lines=[line])
    text = write_data_set(data)
    assert tomllib.loads(text)["line"][0]["password"] == password
    assert parse(text) == data


def test_a_stranger_is_no_entry() -> None:
    class Stranger(Entity):
        table = "stranger"
        key_field = "table"

    with pytest.raises(TypeError, match="Stranger"):
        DataSet().add(Stranger())
