"""What truth.tsv may say, and what is told of a line that is wrong."""

import pytest

from domain.mistakes import OperatorError
from tests.truth.cases import SETS, cases
from tests.truth.truth_file import (
    KINDS,
    LINES_LIMIT_COUNT,
    MISTAKES_LIMIT_COUNT,
    contradictions,
    disjoint,
    parse,
)

MAPS = (
    b"1000-3000 rw-p 00000000 00:00 0 \n3000-5000 ---p 00000000 00:00 0 \n7000-8000 rw-p 00000000 00:00 0 \n"
)


def told(text: bytes) -> list[str]:
    return [str(mistake) for mistake in contradictions(parse(text, "t.tsv"), MAPS, "t.tsv")]


def test_ranges_come_by_address_and_comments_are_left_out() -> None:
    text = b"# by hand\n3000\t4000\theap_mmap\tstrace, a b\n\n1000 2000 native\n0x7000 0x8000 file a\n"
    lines = parse(text, "t.tsv")
    assert [(*line.range, line.number) for line in lines] == [
        (0x1000, 0x2000, "native", 4),
        (0x3000, 0x4000, "heap_mmap", 2),
        (0x7000, 0x8000, "file", 5),
    ]
    assert told(text) == []


@pytest.mark.parametrize(
    ("line", "problem", "remedy"),
    [
        (b"1000 2000", "2 fields", "start end kind"),
        (b"1000 2000 heap", "'heap' is no kind", "heap_arena"),
        (b"1_0 2000 file", "'1_0' is no address", "in hex"),
        (b"-1 2000 file", "'-1' is no address", "in hex"),
        (b"1000 12345678901234567 file", "is no address", "in hex"),
        (b"2000 2000 file", "2000-2000 is empty", "first address after"),
        (b"\xff\xfe 2000 file", "is no address", "in hex"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_the_remedy(line: bytes, problem: str, remedy: str) -> None:
    with pytest.raises(OperatorError) as caught:
        parse(b"1000 2000 file\n" + line + b"\n", "a/truth.tsv")
    (mistake,) = caught.value.mistakes
    assert mistake.place == "a/truth.tsv:2"
    assert problem in mistake.problem
    assert remedy in mistake.remedy


def test_all_wrong_lines_are_named_up_to_a_limit() -> None:
    for count, named in ((2, 2), (MISTAKES_LIMIT_COUNT, MISTAKES_LIMIT_COUNT), (1000, MISTAKES_LIMIT_COUNT)):
        with pytest.raises(OperatorError) as caught:
            parse(b"1000\n" * count, "t.tsv")
        assert len(caught.value.mistakes) == named


def test_the_lines_have_a_limit() -> None:
    line = b"1000 2000 file\n"
    assert len(parse(line * LINES_LIMIT_COUNT, "t.tsv")) == LINES_LIMIT_COUNT
    with pytest.raises(OperatorError, match=f"more than {LINES_LIMIT_COUNT} lines"):
        parse(line * (LINES_LIMIT_COUNT + 1), "t.tsv")


@pytest.mark.parametrize("text", [b"", b"# nothing is known\n"])
def test_a_file_without_a_range_is_told(text: bytes) -> None:
    with pytest.raises(OperatorError, match=r"t\.tsv: no range"):
        parse(text, "t.tsv")


def test_ranges_that_overlap_are_named_with_both_lines() -> None:
    (mistake,) = told(b"2000 3000 file\n1000 2001 heap_mmap\n")
    assert mistake.startswith("t.tsv:1: 2000-3000 overlaps 1000-2001 of line 2 (each byte has one kind: cut")
    assert told(b"1000 2000 file\n2000 3000 file\n") == []


@pytest.mark.parametrize(
    ("known", "held"),
    [
        (b"0 1000 file", "nothing of it"),
        (b"fff 2000 file", "1000-2000"),
        (b"4000 5001 file", "4000-5000"),
        (b"1000 8000 file", "1000-5000, 7000-8000"),
    ],
)
def test_a_range_outside_the_mappings_is_named_with_what_they_hold(known: bytes, held: str) -> None:
    (mistake,) = told(known + b"\n")
    assert f"is not inside the mappings, which hold {held} (cut it to the lines of maps" in mistake


def test_a_range_may_go_over_lines_that_touch() -> None:
    assert told(b"1000 5000 heap_arena\n") == []


def test_overlaps_are_counted_once_for_the_first_range() -> None:
    ranges = disjoint(parse(b"1000 3000 file\n1000 3000 file\n2000 4000 native\n2500 2600 system\n", "t.tsv"))
    assert [tuple(known) for known in ranges] == [(0x1000, 0x3000, "file"), (0x3000, 0x4000, "native")]


def test_the_known_cases_say_nothing_that_a_new_one_may_not() -> None:
    every = [case for set_name in SETS for case in cases(set_name)]
    assert {known.kind for case in every for known in case.truth} <= KINDS
    for case in every:
        text = "".join(f"{low:x} {high:x} {kind}\n" for low, high, kind in case.truth).encode()
        mappings = case.files.get("maps") or case.files["smaps"]
        assert not list(contradictions(parse(text, case.name), mappings, case.name))
