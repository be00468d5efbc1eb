from dataclasses import FrozenInstanceError

import pytest

from sipedge.accounts.applications import AccessRule, Application
from sipedge.accounts.contacts import Contact
from sipedge.accounts.errors import DomainError, ErrorCode
from sipedge.accounts.lines import Alias, Line
from sipedge.accounts.phones import Phone, canonical_mac
from sipedge.accounts.secret import ClearSecret


def test_an_entity_knows_its_natural_key() -> None:
    phone = Phone(mac="805ec0aabbcc", model="yealink.t54w", line="sipp")
    assert (phone.table, phone.key) == ("phone", "805ec0aabbcc")


def test_entities_do_not_change_and_show_no_secret() -> None:
    line = Line(
        number="sipp",
        group="g",
        offer="trunk",
        simultaneous_calls=1,
        password=ClearSecret("hunter2"),
    )
    assert "hunter2" not in repr(line)
    with pytest.raises(FrozenInstanceError):
        line.simultaneous_calls = 9  # type: ignore[misc]


@pytest.mark.parametrize("mac", ["80-5E-C0-AA-BB-CC", "805e.c0aa.bbcc", "80:5e:c0:aa:bb:cc"])
def test_a_mac_has_one_form(mac: str) -> None:
    assert canonical_mac(mac) == "805ec0aabbcc"


@pytest.mark.parametrize(
    "mac", ["", "805ec0aabb", "805ec0aabbcg", "ffffffffffff", "../../etc/passw"]
)
def test_what_no_device_has_is_no_mac(mac: str) -> None:
    with pytest.raises(DomainError, match="12 hexadecimal digits"):
        canonical_mac(mac)


@pytest.mark.parametrize("model", ["", "t54w", "Yealink.T54W", "a.b.c", "../x", "a.b\n"])
def test_a_model_is_maker_and_name(model: str) -> None:
    with pytest.raises(DomainError, match="maker and model"):
        Phone(mac="805ec0aabbcc", model=model, line="sipp")


def test_a_stored_phone_has_the_canonical_mac() -> None:
    with pytest.raises(DomainError):
        Phone(mac="80:5e:c0:aa:bb:cc", model="a.b", line="sipp")


def test_an_alias_is_a_number_and_no_name() -> None:
    with pytest.raises(DomainError, match="international number"):
        Alias(number="sipp", line="sipp", group="g")


def test_a_contact_has_a_password_or_its_hash() -> None:
    with pytest.raises(DomainError, match="not both"):
        Contact(
            nichandle="a",
            email="a@b.test",
            name="",
            password=ClearSecret("p"),
            password_hash="$argon2id$x",
        )


def test_a_name_is_ascii_and_short() -> None:
    for name in ("", "a b", "\u00e9", "-a", "a" * 65, "a\n"):
        with pytest.raises(DomainError) as caught:
            Application(application_key=name)
        assert caught.value.code is ErrorCode.INVALID


def test_a_rule_is_a_method_on_a_path() -> None:
    AccessRule("GET", "/telephony/*")
    for path in ("", "telephony", "/a\n", "/" + "a" * 300):
        with pytest.raises(DomainError, match="found path"):
            AccessRule("GET", path)


def test_a_name_of_a_person_may_be_of_any_script_but_printable() -> None:
    Contact(nichandle="a", email="a@b.test", name="Zo\u00eb \u6797")
    for name in ("a\nb", "\u202eevil", "x" * 256):
        with pytest.raises(DomainError, match="printable"):
            Contact(nichandle="a", email="a@b.test", name=name)
