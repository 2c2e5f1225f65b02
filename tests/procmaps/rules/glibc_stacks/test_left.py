"""Stacks of threads that have ended: not joined, kept for new threads, or copied by fork."""

import pytest

from procmaps.kinds import Kind
from procmaps.rules.glibc_stacks.guards import GUARD_MAX_BYTES, SAME_SIZE_MIN_COUNT
from procmaps.rules.glibc_stacks.left import CHAIN_MIN_COUNT, FIBER_MAX_BYTES
from tests.procmaps.rules.glibc_stacks.guarded_maps import AT, GIB, KIB, MIB, STACK, pairs, process
from tests.procmaps.rules.glibc_stacks.test_flagged import smaps
from tests.procmaps.rules.labelled import anon, blocks, jvm, parts_of, read, whole, with_object

PAGE = 4 * KIB
AS_GLIBC = "mr mw me nh"  # a guard that was never writable
AS_FIBERS = "mr mw me ac nh"  # one that was, and was written to
ARENA = smaps(AT + 64 * GIB, 132 * KIB, "rw-p", "rd wr mr mw me ac") + smaps(
    AT + 64 * GIB + 132 * KIB, 64 * MIB - 132 * KIB, "---p", "mr mw me nr", 0
)


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
    assert rules(smaps=flagged(size, 200) + ARENA) == {"stack.left_flagged"}
    assert blocks(read(smaps=flagged(size, 200) + ARENA, threads=1), Kind.THREAD_STACK) == [size + PAGE] * 200
    assert rules(smaps=flagged(size, 200, AS_FIBERS) + ARENA) == set()
    assert rules(smaps=flagged(size, 130)) == {"stack.flagged_unsure"}


def test_flagged_stacks_of_the_size_of_fibers_need_threads_that_could_have_had_them() -> None:
    """Linux keeps the flag ac of no guard that was closed before anything was written."""
    assert rules(smaps=flagged(448 * KIB, 170)) == set()  # one thread, and never another arena
    assert rules(smaps=flagged(FIBER_MAX_BYTES, 60)) == set()
    assert rules(smaps=flagged(FIBER_MAX_BYTES + 64 * KIB, 60)) == {"stack.left_flagged"}


def test_threads_with_stacks_elsewhere_do_not_need_those_of_fibers() -> None:
    fibers, at = flagged(448 * KIB, 170), AT - GIB
    default = smaps(at, PAGE, "---p", AS_GLIBC, 0) + smaps(at + PAGE, STACK, "rw-p", "rd wr mr mw me ac nh")
    assert rules(smaps=default + fibers, threads=2) == {"stack.flagged"}
    assert rules(smaps=default + fibers, threads=3) == {"stack.flagged", "stack.left_flagged"}


def test_a_guard_has_a_limit() -> None:
    for size, found in ((GUARD_MAX_BYTES, 200), (GUARD_MAX_BYTES + PAGE, 0)):
        text = flagged(300 * KIB, 200, guard_size=size) + ARENA
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


def arena(at: int) -> str:
    """A heap of an arena other than the main one: only a thread that is not the main one has it."""
    return anon(at, 132 * KIB) + anon(at + 132 * KIB, 64 * MIB - 132 * KIB, "---p")


ARENA = arena(0x7D0000000000)


@pytest.mark.parametrize("size", [24 * KIB, 64 * KIB, 104 * KIB, 768 * KIB, MIB])
def test_small_stacks_are_left_where_an_arena_tells_that_there_were_threads(size: int) -> None:
    row = pairs(AT, PAGE, size, 60)
    assert stacks(process(ARENA, row)) == [size + PAGE] * 60
    assert rules(process(ARENA, row)) == {"stack.left_repeated"}
    assert stacks(process(row)) == []
    assert (
        stacks(process(ARENA, pairs(AT, PAGE, size - PAGE, 60))) == []
    )  # a guard within the size: of fibers


@pytest.mark.parametrize(("count", "left"), [(CHAIN_MIN_COUNT, CHAIN_MIN_COUNT), (CHAIN_MIN_COUNT - 1, 0)])
def test_a_row_of_them_is_left_even_if_all_is_resident(count: int, left: int) -> None:
    """As in a process that has locked its memory."""
    row = pairs(AT, PAGE, 320 * KIB, count)
    assert len(stacks(process(ARENA, row), rss_anon_kb=900_000)) == left
    assert stacks(process(row), rss_anon_kb=900_000) == []


def test_guarded_buffers_that_do_not_follow_one_another_are_in_use() -> None:
    apart = [pairs(AT + number * 2 * MIB, PAGE, 320 * KIB, 1) for number in range(40)]
    assert stacks(process(ARENA, *apart), rss_anon_kb=900_000) == []


def of_threads(text: str, threads: int) -> list[str]:
    """The rules of stacks in a process with so many threads, without those of the JVM's own."""
    found = parts_of(read(text, threads=threads, rss_anon_kb=900_000, stack_limit=STACK))
    return [rule for _, size, kind, rule in found if kind == "thread_stack" and size != PAGE]


def test_a_jvm_has_no_fibers() -> None:
    heap = whole(GIB)
    assert of_threads(jvm(heap, pairs(AT, PAGE, STACK, 90)), 20) == ["stack.left"] * 90
    for size, count in ((16 * KIB, SAME_SIZE_MIN_COUNT), (200 * KIB, 90), (6 * MIB, 40)):
        row = pairs(AT, PAGE, size, count) + pairs(AT + GIB, PAGE, 960 * KIB, SAME_SIZE_MIN_COUNT - 1)
        assert of_threads(jvm(heap, row), 1) == ["stack.left_repeated"] * count
    assert of_threads(jvm(heap, pairs(AT, PAGE, 12 * KIB, 90)), 1) == []  # glibc refuses less than 16 KiB


def test_nor_has_go() -> None:
    go = anon(0xC000000000, 64 * MIB) + pairs(AT, PAGE, 448 * KIB, 50)
    assert of_threads(process(go), 1) == ["stack.left_repeated"] * 50


def test_where_threads_live_a_long_row_of_stacks_like_theirs_is_left() -> None:
    apart = AT + 2**36
    for count, left in ((60, 60), (CHAIN_MIN_COUNT - 1, 0)):
        row = process(pairs(AT, PAGE, STACK, 3), pairs(apart, PAGE, 704 * KIB, 5 + count))
        assert (
            of_threads(row, 4).count("stack.left_repeated") == 0
        )  # all threads have a stack of another size
        row = process(pairs(apart, PAGE, 704 * KIB, count))
        assert of_threads(row, 4).count("stack.left_repeated") == left  # no thread has a stack otherwise


def test_a_long_row_of_the_default_size_is_left_where_threads_live() -> None:
    for count, left in ((60, 60), (CHAIN_MIN_COUNT, CHAIN_MIN_COUNT)):
        assert of_threads(process(pairs(AT, PAGE, STACK, count)), 5).count("stack.left_repeated") == left


def test_fibers_of_crystal_have_their_guard_within_the_default_size() -> None:
    fibers = pairs(AT, PAGE, STACK - PAGE, 30)
    assert len(of_threads(with_object("/usr/bin/server", fibers), 1)) == 30
    assert of_threads(with_object("/usr/lib/libgc.so.1.5.3", fibers), 1) == []
