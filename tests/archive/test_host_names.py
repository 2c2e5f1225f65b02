import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.host_names import FILE_NAME_BYTES_MAX, file_name

SAFE = frozenset(string.ascii_letters + string.digits + "._-%~")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("web01.example.com", "web01.example.com"),
        ("..", "%2E."),
        (".", "%2E"),
        (".hidden", "%2Ehidden"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("=cmd()", "%3Dcmd%28%29"),
        ("100%", "100%25"),
        ("a~b", "a%7Eb"),
        ("bücher", "b%C3%BCcher"),
        ("-rf", "-rf"),
    ],
)
def test_a_file_name_is_plain(host: str, expected: str) -> None:
    assert file_name(host) == expected


@given(st.text(min_size=1, max_size=600), st.text(min_size=1, max_size=600))
def test_different_hosts_have_different_plain_file_names(one: str, other: str) -> None:
    for host in (one, other):
        name = file_name(host)
        assert set(name) <= SAFE
        assert not name.startswith(".")
        assert len(name) <= FILE_NAME_BYTES_MAX
    assert (file_name(one) == file_name(other)) == (one == other)


def test_a_name_at_the_limit_is_kept_and_beyond_it_is_cut() -> None:
    assert file_name("a" * FILE_NAME_BYTES_MAX) == "a" * FILE_NAME_BYTES_MAX
    assert file_name("a" * (FILE_NAME_BYTES_MAX + 1)).startswith("a" * 120 + "~")
