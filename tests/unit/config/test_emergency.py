from pathlib import Path

import pytest

from sipedge.config import ConfigurationError, Settings, load_settings
from sipedge.config.emergency import load_emergency_list

ROOT = Path(__file__).parents[3]
HEAD = 'as_of = 2024-01-31\nsource = "us"\n'
NUMBER = '[[number]]\nnumber = "112"\nfr = "a"\nen = "b"\n'


def test_a_configuration_without_the_section_protects_the_french_numbers() -> None:
    emergency = Settings().emergency.load_list()
    assert emergency.digits == {
        "15", "17", "18", "112", "114", "115", "116000", "116117", "119", "191", "196", "197",
    }  # fmt: skip
    assert "://" not in emergency.source
    assert all(entry.fr and entry.en for entry in emergency.numbers)


def test_the_list_in_config_is_the_shipped_one() -> None:
    assert load_emergency_list(str(ROOT / "config/emergency-fr.toml")) == load_emergency_list("")


def test_a_list_of_our_own_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "list.toml").write_text(HEAD + NUMBER)
    config = tmp_path / "sipedge.toml"
    config.write_text(f'[emergency]\nlist = "{tmp_path}/list.toml"\n')
    assert load_settings(config, {}).emergency.load_list().digits == {"112"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("as_of = 2024-01-31\n" + NUMBER, "source: found nothing"),
        ('as_of = "2024-01-31"\nsource = "us"\n' + NUMBER, "as_of: found"),
        ('as_of = 2024-01-31T00:00:00\nsource = "us"\n' + NUMBER, "as_of: found"),
        (HEAD, "number: found nothing; write at least one"),
        (HEAD + "number = [1]", r"number\[0\]: found 1; write a \[\[number\]\] table"),
        (HEAD + NUMBER.replace('"112"', "112"), r"number\[0\].number: found 112"),
        (HEAD + NUMBER.replace("112", "1"), r"number\[0\].number"),
        (HEAD + NUMBER.replace('fr = "a"\n', ""), r"number\[0\].fr: found nothing"),
        (HEAD + NUMBER + NUMBER, r"number\[1\].number: found .112.; write each number once"),
        ("as_of = ", "is not TOML"),
    ],
)
def test_a_mistake_in_the_list_is_named_before_the_edge_starts(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "list.toml").write_text(text)
    config = tmp_path / "sipedge.toml"
    config.write_text(f'[emergency]\nlist = "{tmp_path}/list.toml"\n')
    with pytest.raises(ConfigurationError, match=said) as caught:
        load_settings(config, {})
    assert "list.toml" in str(caught.value)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no\.toml: cannot be read"):
        load_emergency_list(str(tmp_path / "no.toml"))
