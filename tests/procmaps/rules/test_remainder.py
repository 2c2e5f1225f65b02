"""What no rule knows is shown as it is."""

import pytest

from procmaps.classify import classify
from procmaps.kinds import Confidence
from procmaps.rules.book import RULES
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, parts_of, read, sorted_maps, with_object

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000


def rule_of(perms: str, size: int, rss_anon_kb: int = 0) -> tuple[str, str]:
    parts = parts_of(read(sorted_maps(LIBC, BRK_HEAP, anon(AT, size, perms)), rss_anon_kb=rss_anon_kb))
    return next((kind, rule) for start, _, kind, rule in parts if start == AT)


def test_untouchable_writable_and_readable() -> None:
    assert rule_of("---p", 3 * MIB) == ("reserved", "rest.reserved")
    assert rule_of("rw-p", 3 * MIB) == ("anonymous", "rest.anonymous")
    assert rule_of("r--p", 3 * MIB) == ("anonymous", "rest.anonymous")
    assert rule_of("rwxp", 3 * MIB) == ("anonymous", "rest.anonymous")


def test_guarded_buffers_beyond_the_threads_are_no_malloc_s() -> None:
    ring = "".join(
        anon(AT + n * 648 * 1024, 4096, "---p") + anon(AT + n * 648 * 1024 + 4096, 644 * 1024)
        for n in range(20)
    )
    parts = parts_of(read(sorted_maps(LIBC, BRK_HEAP, ring), threads=2, stack_limit=8 * MIB))
    assert [rule for _, size, _, rule in parts if size == 644 * 1024] == ["rest.guarded"] * 20


def test_vast_memory_begins_at_1_gib_and_sixteen_times_what_is_resident() -> None:
    assert rule_of("rw-p", 1024 * MIB, 1024)[1] == "rest.vast"
    assert rule_of("rw-p", 1023 * MIB, 1024)[1] == "rest.unpaid"
    assert rule_of("rw-p", 1024 * MIB, 64 * 1024)[1] == "rest.unpaid"


@pytest.mark.parametrize(("flags", "rule"), [("rd wr nr", "rest.foreign"), ("rd wr", "glibc.mmapped")])
def test_flags_that_no_malloc_asks_for_leave_open_who_asked(flags: str, rule: str) -> None:
    walked = f"{LIBC}{anon(AT, 3 * MIB + 4096)}Rss: 3076 kB\nVmFlags: {flags} mr mw me ac\n"
    snapshot = read(smaps=BRK_HEAP + walked, rss_anon_kb=4000)
    parts = classify(snapshot)
    at = [int(start) for start in parts.start].index(AT)
    assert RULES[parts.rule[at]].name == rule
    assert parts.confidence[at] == Confidence.LIKELY


@pytest.mark.parametrize(
    ("count", "guard", "rule"),
    [
        (4, 64 * KIB, "rest.guarded"),
        (3, 64 * KIB, "glibc.mmapped"),
        (4, 68 * KIB, "glibc.mmapped"),
    ],
)
def test_guarded_buffers_are_four_at_least_with_a_guard_of_64_kib_at_most(
    count: int, guard: int, rule: str
) -> None:
    size = 644 * KIB
    ring = "".join(
        anon(AT + n * (size + guard), guard, "---p") + anon(AT + n * (size + guard) + guard, size)
        for n in range(count)
    )
    parts = parts_of(read(sorted_maps(LIBC, BRK_HEAP, ring), threads=1))
    assert [found for _, own, _, found in parts if own == size] == [rule] * count


@pytest.mark.parametrize("program", ["/usr/sbin/mariadbd", "/usr/bin/tarantool", "/usr/lib/firefox/firefox"])
def test_odd_sizes_beyond_the_budget_can_be_chunks_or_pools(program: str) -> None:
    def found(size: int, perms: str = "rw-p") -> tuple[str, Confidence]:
        snapshot = read(with_object(program, BRK_HEAP, anon(AT, size, perms)), rss_anon_kb=30 * 1024)
        parts = classify(snapshot)
        at = [int(start) for start in parts.start].index(AT)
        return RULES[parts.rule[at]].name, Confidence(parts.confidence[at])

    for size in (45 * MIB + 76 * KIB, 201 * MIB + 508 * KIB):
        assert found(size) == ("rest.unpaid_odd", Confidence.GUESS)
        assert found(size // MIB * MIB) == ("rest.unpaid", Confidence.LIKELY)
        assert found(size, "rwxp") == ("rest.unpaid", Confidence.LIKELY)
