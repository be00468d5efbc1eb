import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.accounts.secret import ClearSecret
from sipedge.stores.errors import KeyFileError
from sipedge.stores.secrets import KEY_BYTES, SealedSecret, SecretBox

BOX = SecretBox(bytes(KEY_BYTES), Path("secret.key"))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=64))
def test_what_is_sealed_opens_again(text: str) -> None:
    sealed = BOX.seal(text, kind="line password", owner="1")
    assert BOX.open(sealed, kind="line password", owner="1") == text
    assert sealed != BOX.seal(text, kind="line password", owner="1"), "a nonce for each value"


def test_a_value_in_another_row_or_of_another_kind_does_not_open() -> None:
    sealed = BOX.seal("hunter2", kind="line password", owner="1")
    for kind, owner in (("line password", "2"), ("application secret", "1"), ("line", "password1")):
        with pytest.raises(KeyFileError) as caught:
            BOX.open(sealed, kind=kind, owner=owner)
        assert "hunter2" not in str(caught.value)


def test_an_altered_or_cut_value_does_not_open() -> None:
    sealed = BOX.seal("hunter2", kind="k", owner="o")
    for index in range(len(sealed)):
        altered = bytearray(sealed)
        altered[index] ^= 1
        for wrong in (bytes(altered), sealed[:index]):
            with pytest.raises(KeyFileError):
                BOX.open(wrong, kind="k", owner="o")


def test_the_key_file_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret.key"
    previous = os.umask(0)
    try:
        box = SecretBox.load_or_create(path)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sealed = box.seal("a", kind="k", owner="o")
    assert SecretBox.load_or_create(path).open(sealed, kind="k", owner="o") == "a"
    assert [entry.name for entry in path.parent.iterdir()] == ["secret.key"]


def test_many_first_starts_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    with ThreadPoolExecutor(8) as pool:
        boxes = list(pool.map(SecretBox.create, [path] * 32))
    sealed = boxes[0].seal("a", kind="k", owner="o")
    assert {box.open(sealed, kind="k", owner="o") for box in boxes} == {"a"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret.key"
    SecretBox.create(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"mode {mode:04o} lets others read .*; run `chmod 600"):
        SecretBox.load(path)


@pytest.mark.parametrize("content", [b"", b"00" * 31, b"zz" * 32, b"\xff" * 64, b"0" * 5000])
def test_a_damaged_key_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=r"secret\.key"):
        SecretBox.load(path)


def test_a_key_file_out_of_reach_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="no such file"):
        SecretBox.load(tmp_path / "secret.key")
    with pytest.raises(KeyFileError, match="cannot be read"):
        SecretBox.load(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(KeyFileError, match="cannot be made"):
        SecretBox.create(tmp_path / "file" / "secret.key")


def test_derived_keys_are_stable_and_apart(tmp_path: Path) -> None:
    box = SecretBox.create(tmp_path / "secret.key")
    assert box.derive("a") == SecretBox.load(tmp_path / "secret.key").derive("a")
    assert len({box.derive("a"), box.derive("b")}) == 2
    assert len(box.derive("a")) == KEY_BYTES


def test_a_sealed_secret_shows_nothing_and_compares_by_what_it_hides() -> None:
    def sealed(text: str) -> SealedSecret:
        return SealedSecret(BOX, BOX.seal(text, kind="k", owner="o"), kind="k", owner="o")

    secret = sealed("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2"
    assert secret == sealed("hunter2") == ClearSecret("hunter2")
    assert secret != sealed("other")
    assert "00" not in repr(BOX)


def test_sealed_bytes_are_kept_only_in_their_own_row() -> None:
    secret = SealedSecret(BOX, b"", kind="k", owner="o")
    assert secret.belongs_to(BOX, kind="k", owner="o")
    assert not secret.belongs_to(BOX, kind="k", owner="p")
    assert not secret.belongs_to(SecretBox(bytes(KEY_BYTES), Path()), kind="k", owner="o")
