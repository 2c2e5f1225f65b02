"""Stacks of threads that have ended: not joined, kept for new threads, or copied by fork."""

import pytest

from procmaps.kinds import Kind
from procmaps.rules.glibc_stacks.guards import GUARD_MAX_BYTES, SAME_SIZE_MIN_COUNT
from procmaps.rules.glibc_stacks.left import FIBER_MAX_BYTES
from tests.procmaps.rules.glibc_stacks.guarded_maps import AT, KIB, MIB, STACK, pairs, process
from tests.procmaps.rules.glibc_stacks.test_flagged import smaps
from tests.procmaps.rules.labelled import blocks, parts_of, read, with_object

PAGE = 4 * KIB
AS_GLIBC = "mr mw me nh"  # a guard that was never writable
AS_FIBERS = "mr mw me ac nh"  # one that was


def stacks(text: str, rss_anon_kb: int = 900) -> list[int]:
    snapshot = read(text, threads=1, rss_anon_kb=rss_anon_kb, stack_limit=STACK)
    return blocks(snapshot, Kind.THREAD_STACK)


def rules(text: str = "", smaps: str = "", threads: int = 1) -> set[str]:
    found = parts_of(read(text, smaps=smaps, threads=threads, rss_anon_kb=900, stack_limit=STACK))
    return {rule for *_, rule in found if rule.startswith("stack.")}


def flagged(size: int, count: int, guard: str = AS_GLIBC, guard_size: int = PAGE) -> str:
    """So many flagged stacks of `size` with their guards."""
    each = guard_size + size
    return "".join(
        smaps(AT + number * each, guard_size, "---p", guard, 0)
        + smaps(AT + number * each + guard_size, size, "rw-p", "rd wr mr mw me ac nh")
        for number in range(count)
    )


def test_stacks_of_the_default_size_are_left_where_one_thread_is() -> None:
    text = process(pairs(AT, PAGE, STACK, 70))
    assert stacks(text) == [STACK + PAGE] * 70
    assert stacks(text, rss_anon_kb=900_000) == [STACK + PAGE] * 70  # however much else is resident
    assert rules(text) == {"stack.left"}


def test_also_where_the_guard_is_a_part_of_the_size() -> None:
    assert stacks(process(pairs(AT, PAGE, STACK - PAGE, 2))) == [STACK] * 2


def test_no_other_default_size_is_sure_and_no_other_guard() -> None:
    assert stacks(process(pairs(AT, PAGE, 3 * MIB, 2))) == []
    assert stacks(process(pairs(AT, 8 * KIB, STACK, 2))) == []


@pytest.mark.parametrize("size", [2 * MIB, 3 * MIB + 64 * KIB, 25 * MIB])
def test_stacks_of_another_size_are_a_guess_from_maps(size: int) -> None:
    text = process(pairs(AT, PAGE, size, 60))
    assert stacks(text) == [size + PAGE] * 60
    assert rules(text) == {"stack.left_repeated"}


def test_what_is_in_use_is_not_left() -> None:
    text = process(pairs(AT, PAGE, 2 * MIB, 60))
    assert stacks(text, rss_anon_kb=120 * 1024 - 1) != []
    assert stacks(text, rss_anon_kb=120 * 1024) == []


def test_two_of_one_size_are_by_chance() -> None:
    assert len(stacks(process(pairs(AT, PAGE, 2 * MIB, SAME_SIZE_MIN_COUNT)))) == SAME_SIZE_MIN_COUNT
    assert stacks(process(pairs(AT, PAGE, 2 * MIB, SAME_SIZE_MIN_COUNT - 1))) == []


def test_fibers_are_smaller_and_buffers_have_sizes_that_nobody_asks_for() -> None:
    assert stacks(process(pairs(AT, PAGE, FIBER_MAX_BYTES, 60))) == []
    assert len(stacks(process(pairs(AT, PAGE, FIBER_MAX_BYTES + 64 * KIB, 60)))) == 60
    assert stacks(process(pairs(AT, PAGE, 2 * MIB + 12 * KIB, 60))) == []
    assert stacks(process(pairs(AT, PAGE, 4 * MIB - PAGE, 60))) == []  # of QEMU's translator


@pytest.mark.parametrize("program", ["/usr/bin/php8.2", "/usr/bin/ruby3.1", "/usr/bin/tarantool"])
def test_in_runtimes_with_fibers_they_are_fibers(program: str) -> None:
    assert stacks(with_object(program, pairs(AT, PAGE, 2 * MIB, 60))) == []
    assert stacks(with_object("/usr/bin/server", pairs(AT, PAGE, 2 * MIB, 60))) != []
    of_program = with_object(program) + flagged(300 * KIB, 200)
    assert rules(smaps=of_program) == set()


def test_flagged_stacks_are_left_if_nobody_ever_wrote_to_their_guards() -> None:
    """Of these sizes glibc would keep 136 for new threads."""
    size = 300 * KIB
    assert rules(smaps=flagged(size, 200)) == {"stack.left_flagged"}
    assert blocks(read(smaps=flagged(size, 200), threads=1), Kind.THREAD_STACK) == [size + PAGE] * 200
    assert rules(smaps=flagged(size, 200, AS_FIBERS)) == set()
    assert rules(smaps=flagged(size, 130)) == {"stack.flagged_unsure"}


def test_a_guard_has_a_limit() -> None:
    for size, found in ((GUARD_MAX_BYTES, 200), (GUARD_MAX_BYTES + PAGE, 0)):
        text = flagged(300 * KIB, 200, guard_size=size)
        assert len(blocks(read(smaps=text, threads=1), Kind.THREAD_STACK)) == found


@pytest.mark.parametrize(("guard", "found"), [("mr mw me", 40), ("mr mw me ac", 0)])
def test_without_the_flag_of_stacks_smaps_still_tells_fibers(guard: str, found: int) -> None:
    """Linux 6.6 and earlier do not flag stacks; where the release is not known, neither may this one."""
    text = flagged(2 * MIB, 40, guard).replace(" nh\n", "\n")
    assert len(blocks(read(smaps=text, threads=1, rss_anon_kb=900), Kind.THREAD_STACK)) == found


def test_also_where_stacks_are_executable() -> None:
    """Then the stack of the main thread is executable as well."""
    main = "7ffc00000000-7ffc00021000 rwxp 00000000 00:00 0 [stack]\n"
    text = process(pairs(AT, PAGE, STACK, 70)).replace("rw-p 00000000 00:00 0 \n", "rwxp 00000000 00:00 0 \n")
    assert stacks(text + main) == [STACK + PAGE] * 70


def test_also_in_a_program_that_qemu_translates() -> None:
    text = process(pairs(AT, PAGE, STACK, 70)).replace("r-xp", "r--p")
    qemu = "1fff00000000-1fff00100000 r-xp 00000000 fe:00 90 /usr/bin/qemu-x86_64-static\n"
    assert stacks(qemu + text) == [STACK + PAGE] * 70
