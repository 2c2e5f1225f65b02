"""Reasons: one sentence with its numbers, for every rule."""

from string import Formatter

import pytest

from procmaps.classify import RULES, classify
from procmaps.reasons import why
from procmaps.rules.rule import Rule
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, read, sorted_maps
from tests.truth.cases import cases
from tests.truth.scorer import predict

MIB = 2**20
BASE = 0x7E0000000000
KNOWN = {"size", "start", "end", "block_size", "block_start", "perms", "name", "threads", "heap"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_s_sentence_uses_only_what_is_filled_in(rule: Rule) -> None:
    assert {field for _, field, _, _ in Formatter().parse(rule.why) if field} <= KNOWN


def test_an_arena_s_reason_names_its_boundary() -> None:
    snapshot = read(sorted_maps(LIBC, BRK_HEAP, anon(BASE, MIB), anon(BASE + MIB, 63 * MIB, "---p")))
    parts = classify(snapshot)
    row = next(row for row in range(len(parts)) if parts.start[row] == BASE + MIB)
    sentence = why(snapshot, parts, row)
    assert "64 MiB boundary" in sentence
    assert f"{BASE:x}" in sentence
    assert "reserved" in sentence
    assert "[glibc.arena]" in sentence


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
