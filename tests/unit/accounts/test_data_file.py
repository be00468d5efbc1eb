import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.accounts.errors import DataFileError, ErrorCode
from tests.unit.accounts.memory import BASE, parse

LINE = '[[line]]\nnumber = "0033972100002"\ngroup = "g"\noffer = "entreprise"\npassword = "p"\n'
ALIAS = '[[alias]]\nnumber = "0033972100003"\nline = "0033972100002"\n'


def test_every_table_is_read() -> None:
    data = parse(BASE)
    assert [len(entries) for _, entries in data.tables()] == [1] * 8
    (line,), (alias,), (phone,) = data.lines, data.aliases, data.phones
    assert line.simultaneous_calls == 2, "those the offer includes"
    assert alias.group == "g1", "the group of its line"
    assert phone.mac == "805ec0aabbcc"
    assert line.password is not None
    assert line.password.reveal() == "s3cret-1"


def test_numbers_are_taken_in_any_form_and_kept_in_one() -> None:
    data = parse(LINE.replace("0033972100002", "09 72 10 00 02") + ALIAS.replace("0033", "+33"))
    assert data.lines[0].number == "0033972100002"
    assert (data.aliases[0].number, data.aliases[0].line) == ("0033972100003", "0033972100002")


def test_an_empty_file_is_an_empty_set() -> None:
    assert len(parse("")) == 0
    assert len(parse(b"# nothing\n")) == 0


MISTAKES = {
    "[[lines]]": "found a table [[lines]]; write line",
    "[line]\nnumber = '1'": "key line: write [[line]], with two brackets, for each entry",
    "line = [1]": "[[line]] entry 1: found 1; write [[line]]",
    LINE.replace("group", "groop"): "[[line]] entry 1 (0033972100002), key groop: no such key; "
    "write group",
    LINE.replace('group = "g"\n', ""): "[[line]] entry 1 (0033972100002), key group: found "
    "nothing; this key must be there",
    LINE.replace('"0033972100002"', "33972100002"): "[[line]] entry 1, key number: found "
    "33972100002; write text in quotes",
    LINE.replace("0033972100002", "112"): '[[line]] entry 1 (112), key number: found "112"; write '
    "an international number, as 0033972100001 or +33972100001",
    LINE + "simultaneous_calls = 101": "[[line]] entry 1 (0033972100002), key simultaneous_calls: "
    'found 101; write 0 to 100, the maximum of the offer "entreprise"',
    LINE + 'simultaneous_calls = "2"': "[[line]] entry 1 (0033972100002), key simultaneous_calls: "
    'found "2"; write a whole number, without quotes',
    LINE + "simultaneous_calls = true": "[[line]] entry 1 (0033972100002), key simultaneous_calls: "
    "found true; write a whole number, without quotes",
    LINE + "simultaneous_calls = 2.0": "[[line]] entry 1 (0033972100002), key simultaneous_calls: "
    "found 2.0; write a whole number, without quotes",
    LINE + "simultaneous_calls = 9" + "0" * 60: "[[line]] entry 1 (0033972100002), key "
    "simultaneous_calls: found a huge number; write 0 to 100, the maximum of the offer "
    '"entreprise"',
    LINE.replace("entreprise", "gold"): "[[line]] entry 1 (0033972100002), key offer: found "
    '"gold"; write one of "individuel", "entreprise", "trunk"',
    LINE.replace('"p"', '""'): "[[line]] entry 1 (0033972100002), key password: found 0 characters "
    "that are not shown; write 1 to 128 printable ones",
    LINE.replace('"p"', "12345"): "[[line]] entry 1 (0033972100002), key password: found a value "
    "that is not shown; write text",
    LINE + "enabled = 1": "[[line]] entry 1 (0033972100002), key enabled: found 1; write true or "
    "false",
    LINE + 'description = "a\\u0000b"': "[[line]] entry 1 (0033972100002), key description: found "
    '"a?b"; write up to 255 printable characters',
    LINE + LINE: '[[line]] entry 2 (0033972100002), key number: found "0033972100002" twice in '
    "this file",
    LINE + LINE.replace("0033972100002", "+33972100002"): "[[line]] entry 2 (+33972100002), key "
    'number: found "0033972100002" twice in this file',
    ALIAS: "[[alias]] entry 1 (0033972100003), key group: found nothing; this key must be there",
    '[[phone]]\nmac = "015ec0aabbcc"\nmodel = "a.b"\nline = "sipp"': "[[phone]] entry 1 "
    '(015ec0aabbcc), key mac: found "015ec0aabbcc"; write the 12 hexadecimal digits on the phone, '
    "as 805ec0aabbcc",
    '[[link]]\nname = "l"\nup_kbps = 0\ndown_kbps = 1': "[[link]] entry 1 (l), key up_kbps: found "
    "0; write a whole number from 1 to 2147483647",
    '[[application]]\nkey = "a b"\nsecret = "s"': '[[application]] entry 1 (a b), key key: found '
    '"a b"; write 1 to 64 letters, digits, dots, hyphens and underscores',
    '[[contact]]\nnichandle = "a"\nemail = "none"\nname = "n"': "[[contact]] entry 1 (a), key "
    'email: found "none"; write an address as ops@example.test',
    '[[contact]]\nnichandle = "a"\nemail = "a@b"\nname = "n"\npassword_hash = "{MD5}x"':
    "[[contact]] entry 1 (a), key password_hash: found another kind of hash; write an "
    "argon2id one, or `password` instead",
    '[[credential]]\nconsumer_key = "c"\napplication = "a"\nnichandle = "n"\nrules = []':
    "[[credential]] entry 1 (c), key rules: found none; write at least one, as "
    '{ method = "GET", path = "/*" }',
    '[[credential]]\nconsumer_key = "c"\napplication = "a"\nnichandle = "n"\n'
    'rules = [{ method = "get", path = "/*" }]': "[[credential]] entry 1 (c), key rules: found "
    'method "get"; write one of GET, POST, PUT, DELETE',
    '[[credential]]\nconsumer_key = "c"\napplication = "a"\nnichandle = "n"\n'
    'rules = [{ method = "GET" }]': "[[credential]] entry 1 (c), key rules: found a table; write "
    '[{ method = "GET", path = "/*" }]',
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_names_table_entry_key_and_what_to_write(text: str) -> None:
    with pytest.raises(DataFileError) as caught:
        parse(text)
    assert str(caught.value) == MISTAKES[text]


def test_a_mistake_is_found_in_the_last_entry_too() -> None:
    text = "".join(LINE.replace("0002", f"{number:04}") for number in range(50))
    with pytest.raises(DataFileError, match=r"\[\[line\]\] entry 51 \(0033972100099\), key link"):
        parse(text + LINE.replace("0002", "0099") + "link = 'a b'\n")


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe[",
        b"\x00",
        "a = " + "[" * 20_000,
        "a = " + "{a = " * 5_000,
        "n = " + "9" * 10_000,
        "[[line]",
        '[[line]]\nnumber = "unclosed',
        "a = 1\na = 2",
        "d = 9999-99-99",
        "line.x = 1",
        '"\\u202e\x1b" = 1',
        "line = {}",
        "contact = 1979-05-27",
        "[[line]]\nnumber = [[[]]]",
        "[[line]]\n'' = 1",
    ],
)
def test_a_hostile_file_is_one_printable_line(text: str | bytes) -> None:
    with pytest.raises(DataFileError) as caught:
        parse(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_a_password_is_in_no_error() -> None:
    for wrong in ("hunter2\\n", "hunter2" * 30):
        with pytest.raises(DataFileError) as caught:
            parse(LINE.replace('"p"', f'"{wrong}"'))
        assert "hunter2" not in str(caught.value)


def test_a_refusal_comes_whole_out_of_another_process() -> None:
    with pytest.raises(DataFileError) as caught:
        parse(LINE + LINE)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert (copy.code, copy.table, copy.entry) == (ErrorCode.EXISTS, "line", 2)


TOML_VALUES = st.recursive(
    st.text(max_size=8)
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


def toml_of(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(toml_of(item) for item in value)}]"
    if isinstance(value, str):
        escaped = "".join(
            f"\\U{ord(char):08x}" for char in value if not 0xD800 <= ord(char) < 0xE000
        )
        return f'"{escaped}"'
    return repr(value)


@given(
    st.sampled_from(["contact", "application", "credential", "group", "link", "line", "alias"]),
    st.dictionaries(
        st.sampled_from(
            ["number", "group", "offer", "name", "key", "rules", "line", "mac", "email"]
        ),
        TOML_VALUES,
        max_size=6,
    ),
)
def test_any_toml_is_a_data_set_or_a_refusal(table: str, values: dict[str, object]) -> None:
    text = f"[[{table}]]\n" + "".join(
        f"{key} = {toml_of(value)}\n" for key, value in values.items()
    )
    try:
        parse(text)
    except DataFileError as error:
        said = str(error)
    else:
        return
    assert said.isprintable()
