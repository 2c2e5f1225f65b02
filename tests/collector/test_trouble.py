import pytest

from collector.trouble import DETAIL_CHARS, HostTrouble, one_line
from domain.records import Stage


def test_text_of_a_host_cannot_reach_the_terminal_raw() -> None:
    shown = one_line(b"a\x1b]0;title\x07\r\nb\x00 \xff\xe2\x80\xae \xc2\x9b31m")
    assert shown.isprintable()
    assert shown == "a ]0;title b \ufffd 31m"


def test_a_detail_is_cut_at_its_limit() -> None:
    assert one_line("x" * DETAIL_CHARS) == "x" * DETAIL_CHARS
    assert one_line("x" * (DETAIL_CHARS + 1)) == "x" * (DETAIL_CHARS - 1) + "…"
    assert len(HostTrouble(Stage.EXEC, "no_stream", "y" * 10_000).detail) == DETAIL_CHARS


def test_a_remedy_where_one_is_known() -> None:
    assert "authorized_keys" in HostTrouble(Stage.AUTH, "auth_rejected").remedy
    assert HostTrouble(Stage.READ, "unheard_of").remedy == ""


@pytest.mark.parametrize(
    "text",
    [
        "bash: curl -u admin:hunter2 https://h: not found",
        "+ PGPASSWORD=hunter2 psql",
        b"sudo: mysql -phunter2: command not found\n",
        "line\nhttps://u:hunter2@h/\n",
    ],
)
def test_secrets_in_complaints_are_masked(text: str | bytes) -> None:
    assert "hunter2" not in one_line(text)
    assert "***" in one_line(text)


@pytest.mark.parametrize(
    "text",
    [
        "sudo: a password is required",
        "Permission denied (publickey,password).",
        "[sudo] password for alice:",
        "sudo: a terminal is required to read the password; either use the -S option",
        "more than 5 bytes came out of gzip",
    ],
)
def test_complaints_without_secrets_stay(text: str) -> None:
    assert one_line(text) == text
