import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import dump_file
from domain.mistakes import OperatorError
from domain.records import Dump
from tests.archive.examples import dump

DUMPS = st.builds(
    Dump,
    host=st.text(),
    nonce=st.text(),
    memory=st.binary(),
    identity=st.binary(),
    elapsed_s=st.floats(allow_nan=False, allow_infinity=False),
    complete=st.booleans(),
    problem=st.text(),
)


@given(DUMPS)
def test_a_dump_comes_back_byte_for_byte(given_one: Dump) -> None:
    assert dump_file.decode(b"".join(dump_file.encode(given_one))) == given_one


def test_a_dump_file_cut_or_changed_anywhere_names_itself() -> None:
    content = b"".join(dump_file.encode(dump("a", processes=1)))
    for end in range(len(content)):
        with pytest.raises(OperatorError, match=r"^runs/x/dumps/a\.dump: "):
            dump_file.decode(content[:end], "runs/x/dumps/a.dump")
    for position in range(len(content) - 50, len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        with pytest.raises(OperatorError, match="does not match its checksum"):
            dump_file.decode(bytes(changed), "x")


@given(st.binary(max_size=300))
def test_any_bytes_are_no_dump(content: bytes) -> None:
    for bytes_given in (content, dump_file.MAGIC + content):
        with pytest.raises(OperatorError):
            dump_file.decode(bytes_given, "x")


def test_a_header_without_end_is_not_searched_for_ever() -> None:
    with pytest.raises(OperatorError, match="has no header"):
        dump_file.decode(dump_file.MAGIC + b"{" * dump_file.HEADER_BYTES_MAX + b"\n", "x")


@given(st.binary(max_size=5000))
def test_a_part_is_inflated_to_what_it_was(text: bytes) -> None:
    assert dump_file.inflate(gzip.compress(text), 5000) == dump_file.Inflated(text)


def test_a_part_without_gzip_is_plain_text() -> None:
    assert dump_file.inflate(b"plain", 5) == dump_file.Inflated(b"plain")
    assert dump_file.inflate(b"plains", 5).text == b"plain"
    assert dump_file.inflate(b"plains", 5).problem


def test_more_than_the_limit_comes_out_cut_and_is_said() -> None:
    part = gzip.compress(b"a" * 1000)
    assert dump_file.inflate(part, 1000) == dump_file.Inflated(b"a" * 1000)
    cut = dump_file.inflate(part, 999)
    assert cut.text == b"a" * 999
    assert "999 bytes" in cut.problem


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = gzip.compress(b"\0" * (64 << 20))
    assert len(dump_file.inflate(bomb, 1 << 20).text) == 1 << 20


def test_what_came_before_a_cut_or_damage_is_kept() -> None:
    text = bytes(range(256)) * 400
    part = gzip.compress(text, 1)
    cut = dump_file.inflate(part[: len(part) // 2], 1 << 20)
    assert cut.problem == "cut off in the middle of the stream"
    assert cut.text
    assert text.startswith(cut.text)
    damaged = dump_file.inflate(part[:-8] + b"\0" * 8, 1 << 20)
    assert "damaged gzip" in damaged.problem
    assert text.startswith(damaged.text)


def test_a_dump_of_another_format_is_refused() -> None:
    with pytest.raises(OperatorError, match="not a dump of this version"):
        dump_file.decode(b"mapsweep-dump 2\n{}\n", "x")
