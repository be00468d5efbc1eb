import pytest

from sipedge.accounts.secret import ClearSecret, Secret


def test_nothing_shows_a_secret_but_reveal() -> None:
    secret = ClearSecret("hunter2")
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r}",
        repr([secret]),
    ):
        assert "hunter2" not in shown
    assert secret.reveal() == "hunter2"


def test_secrets_are_equal_when_what_they_hide_is() -> None:
    assert ClearSecret("\u00e9") == ClearSecret("\u00e9")
    assert ClearSecret("a") != ClearSecret("b")
    assert ClearSecret("a") != "a"


def test_a_secret_is_no_key_of_a_table() -> None:
    with pytest.raises(TypeError):
        hash(ClearSecret("a"))


def test_the_base_hides_nothing_by_itself() -> None:
    with pytest.raises(NotImplementedError):
        Secret().reveal()
