from sipedge.config.errors import Problem, hide_url_password, show_found, suggest


def test_a_problem_is_one_line() -> None:
    assert str(Problem("f", "k", "1", "write 2")) == "f: k: found 1; write 2"
    assert str(Problem("f", "", "", "is not TOML")) == "f: is not TOML"


def test_found_values_are_short_printable_and_without_secrets() -> None:
    assert show_found("a", "x" * 100) == '"' + "x" * 56 + "..."
    assert show_found("a", "\x1b[2J\u202e") == '"\\u001b[2J?"'
    assert show_found("trunk[0].password", "hunter2") == "a value that is not shown"
    assert "hunter2" not in show_found("url", "postgresql://u:hunter2@h/x")


def test_the_password_of_a_url_is_hidden_to_its_last_at_sign() -> None:
    assert hide_url_password("postgresql://u:a@b:c/d@h/x") == "postgresql://u:***@h/x"
    assert hide_url_password("sqlite:///var/a.db") == "sqlite:///var/a.db"


def test_a_near_word_is_suggested_and_otherwise_all_are_listed() -> None:
    assert suggest("lisen", ["listen", "advertise"]) == "write `listen`"
    assert suggest("zzz", ["b", "a"]) == "write one of `a`, `b`"
