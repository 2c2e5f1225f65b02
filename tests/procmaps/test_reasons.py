"""Reasons: one sentence with its numbers, for every rule."""

from string import Formatter

import pytest

from procmaps.classify import classify
from procmaps.read import read_process
from procmaps.reasons import WORDS, in_words, why
from procmaps.rules.book import RULES
from procmaps.rules.glibc_malloc import MMAPPED
from procmaps.rules.glibc_unwritten import UNWRITTEN
from procmaps.rules.rule import Rule
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, read, sorted_maps
from tests.truth.cases import cases
from tests.truth.scorer import predict

MIB = 2**20
BASE = 0x7E0000000000
SIZES = {"size", "block_size"}
SAID = {"java.gc_mark_stack": "32 MiB", "java.gc_mark_stack_merged": "32 MiB"}  # sizes that never differ


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_s_sentence_uses_only_what_is_filled_in_and_names_a_size(rule: Rule) -> None:
    fields = {field for _, field, _, _ in Formatter().parse(rule.why) if field}
    assert fields <= set(WORDS)
    assert fields & SIZES or SAID[rule.name] in rule.why
    # one sentence: it is followed by the kind that came second, and by the rule's name
    assert not rule.why.endswith((".", " "))
    assert ". " not in rule.why


def test_an_arena_s_reason_names_its_boundary() -> None:
    snapshot = read(sorted_maps(LIBC, BRK_HEAP, anon(BASE, MIB), anon(BASE + MIB, 63 * MIB, "---p")))
    parts = classify(snapshot)
    row = next(row for row in range(len(parts)) if parts.start[row] == BASE + MIB)
    sentence = why(snapshot, parts, row)
    assert "64 MiB boundary" in sentence
    assert f"{BASE:x}" in sentence
    assert sentence.startswith("63 MiB of the heap of a malloc arena")
    assert sentence.endswith("; it could also be reserved [glibc.arena]")


def test_a_guess_says_that_it_is_one() -> None:
    snapshot = read(sorted_maps(LIBC, BRK_HEAP, anon(BASE, 3 * MIB)))
    parts = classify(snapshot)
    row = next(row for row in range(len(parts)) if parts.start[row] == BASE)
    assert why(snapshot, parts, row).startswith("A guess: 3 MiB")
    assert "could also be heap_mmap" in why(snapshot, parts, row)


def test_every_part_of_every_known_process_has_one() -> None:
    for case in cases()[::6]:
        snapshot, parts = predict(case, "smaps")
        for row in range(0, len(parts), 7):
            sentence = why(snapshot, parts, row)
            assert "{" not in sentence
            assert "\n" not in sentence
            assert len(sentence) < 500


def test_the_numbers_of_the_process_are_those_of_its_status() -> None:
    maps = sorted_maps(LIBC, BRK_HEAP, anon(BASE, 47 * MIB + 20 * 4096))
    for swap_kb, said in ((0, "(1.5 MiB)"), (512, "(1.5 MiB and 512 KiB)")):
        snapshot = read(maps, rss_anon_kb=1536, swap_kb=swap_kb)
        parts = classify(snapshot)
        row = next(row for row in range(len(parts)) if parts.start[row] == BASE)
        assert f"resident or swapped {said}" in why(snapshot, parts, row)


@pytest.mark.parametrize(("resident_kb", "rule"), [(48_300, MMAPPED.name), (30_000, UNWRITTEN.name)])
def test_before_linux_4_5_all_resident_memory_is_the_most_that_can_be_anonymous(
    resident_kb: int, rule: str
) -> None:
    maps = sorted_maps(LIBC, BRK_HEAP, anon(BASE, 47 * MIB + 20 * 4096))
    snapshot = read_process({"maps": maps.encode(), "status": b"VmRSS:\t%d kB\n" % resident_kb}, 1)
    parts = classify(snapshot)
    row = next(row for row in range(len(parts)) if parts.start[row] == BASE)
    assert RULES[parts.rule[row]].name == rule
    if rule == UNWRITTEN.name:
        assert "resident or swapped (at most 29.3 MiB)" in why(snapshot, parts, row)


def test_swapped_memory_counts_as_much_as_resident() -> None:
    """Malloc touched it: what became of the pages later says nothing of who mapped them."""
    maps = sorted_maps(LIBC, BRK_HEAP, anon(BASE, 47 * MIB + 20 * 4096))
    rules = []
    for resident_kb, swap_kb in ((400, 0), (400, 48_000), (48_000, 0)):
        snapshot = read(maps, rss_anon_kb=resident_kb, swap_kb=swap_kb)
        parts = classify(snapshot)
        rules.append(RULES[next(parts.rule[row] for row in range(len(parts)) if parts.start[row] == BASE)])
    assert rules == [UNWRITTEN, MMAPPED, MMAPPED]


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (132 * 1024, "132 KiB"),
        (10 * MIB, "10 MiB"),
        (100 * 2**40, "100 TiB"),
    ],
)
def test_sizes_in_words(size: int, said: str) -> None:
    assert in_words(size) == said
