from pathlib import Path

import pytest

from sipedge.accounts.errors import DataFileError, DomainError, ErrorCode
from sipedge.accounts.offers import parse_offers, shipped_offers

ROOT = Path(__file__).parents[3]
OFFER = '[[offer]]\nname = "a"\nincluded = 1\nmaximum = 2\nlabel = { fr = "x", en = "y" }\n'
HEAD = 'version = "1"\n'


def test_the_shipped_offers_are_those_in_config() -> None:
    shipped, shown = shipped_offers(), parse_offers((ROOT / "config/offers.toml").read_text())
    assert shipped.version == shown.version
    assert shipped.offers == shown.offers
    assert [offer.name for offer in shipped.offers] == ["individuel", "entreprise", "trunk"]


def test_an_individual_line_has_one_call_that_cannot_be_raised() -> None:
    shipped_offers().check_calls("individuel", 1)
    with pytest.raises(
        DomainError, match='write 0 to 1, the maximum of the offer "indiv'
    ) as caught:
        shipped_offers().check_calls("individuel", 2)
    assert caught.value.code is ErrorCode.TOO_MANY


def test_no_call_at_all_is_a_choice_and_less_is_none() -> None:
    shipped_offers().check_calls("entreprise", 0)
    with pytest.raises(DomainError) as caught:
        shipped_offers().check_calls("entreprise", -1)
    assert caught.value.code is ErrorCode.INVALID


def test_an_unknown_offer_lists_the_known_ones() -> None:
    with pytest.raises(DomainError, match='found "gold"; write one of "individuel", "entreprise"'):
        shipped_offers().get("gold")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = ", "is not TOML"),
        (OFFER, "key version"),
        (HEAD, "write at least one"),
        (HEAD + "offer = [3]", r"\[\[offer\]\] entry 1: found 3"),
        (HEAD + OFFER.replace("= 1", "= true"), "key included: found true"),
        (HEAD + OFFER.replace("maximum = 2", "maximum = 0"), "key maximum: found 0"),
        (HEAD + OFFER.replace('"a"', "7"), "key name: found 7"),
        (HEAD + OFFER.replace('{ fr = "x", en = "y" }', '"x"'), "key label"),
        (HEAD + OFFER + "colour = 1", "key colour: no such key"),
        (HEAD + OFFER + OFFER, r"entry 2 \(a\), key name: found .a. twice"),
    ],
)
def test_a_mistake_in_an_offers_file_is_named(text: str, said: str) -> None:
    with pytest.raises(DataFileError, match=said):
        parse_offers(text)
