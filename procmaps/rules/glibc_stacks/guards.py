"""Guards that can be seen, and what is right above them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from procmaps.kinds import Kind
from procmaps.rules.draft import Draft
from procmaps.rules.glibc_stacks.threads import STACK_MIN_BYTES
from procmaps.rules.labeller import Claim
from procmaps.rules.process import KIB, MIB, PAGE_BYTES, STACK_MAX_BYTES, Process, Region
from procmaps.rules.rule import Rule
from procmaps.tables import READ, SHARED, WRITE, Flags

GUARD_MAX_BYTES: Final = MIB
SMALL_GUARD_BYTES: Final = 64 * KIB  # a page, and the least that glibc makes of it on aarch64
MUSL_GUARD_BYTES: Final = 8 * KIB
MUSL_STACK_BYTES: Final = 132 * KIB  # 128 KiB, and a page for thread-local data and struct pthread
MUSL_GROUP_BYTES: Final = 64 * KIB
FLAGS_SINCE: Final = (6, 7)  # MAP_STACK sets a flag, so that stacks merge with nothing but stacks
OVER_MAX_BYTES: Final = 2 * MIB
ALIKE_MIN_COUNT: Final = 3
GUARDS_LIMIT_COUNT: Final = 2  # below a stack: the JVM's zones, and glibc's guard below them


class Pair(NamedTuple):
    """A guard and the writable region right above it: possibly a stack."""

    guard: Region
    body: Region
    run: int  # equal for pairs that follow one another without a gap

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes of the guard and of the body."""
        return self.guard.size, self.body.size


def pairs(process: Process) -> list[Pair]:
    """All of them, in the order of their addresses."""
    guard_min = MUSL_GUARD_BYTES if process.has("musl") else 0
    found: list[Pair] = []
    run, end = 0, 0
    for guard in process.closed:
        body = process.above(guard)
        if body is None or not guard_min <= guard.size <= GUARD_MAX_BYTES or not _is_body(body):
            continue
        run += guard.start != end
        end = body.end
        found.append(Pair(guard, body, run))
    return found


def _is_body(region: Region) -> bool:
    private = region.perms & (READ | WRITE | SHARED) == READ | WRITE  # executable or not
    return private and region.unclaimed and STACK_MIN_BYTES <= region.size <= STACK_MAX_BYTES


def in_pairs(draft: Draft) -> Flags:
    """Regions that can be guards, and those right above them."""
    guards = draft.open_none & draft.touches_above & (draft.size <= GUARD_MAX_BYTES)
    found = guards.copy()
    found[1:] |= guards[:-1] & draft.open[1:]
    return found


def without_flagged(draft: Draft) -> Flags:
    """Processes without stacks found by the kernel's flag: with them, memory without the flag is no stack."""
    return ~draft.owners(draft.of_kind(Kind.THREAD_STACK) & draft.flagged("nh"))


def claimed(process: Process, chosen: Iterable[Pair], rule: Rule) -> Iterator[Claim]:
    """Each pair as one block, without what has merged with the stack from above."""
    musl, default = process.has("musl"), process.default_stack_bytes
    merges = process.release < FLAGS_SINCE
    for guard, body, _ in chosen:
        top = body.end
        rest = body.size - MUSL_STACK_BYTES
        over = body.size - default
        if musl and 0 < rest <= MUSL_GROUP_BYTES:
            top -= rest  # a group of musl's malloc
        elif merges and 0 < over < OVER_MAX_BYTES:
            top -= over
        yield Claim(guard.start, top, rule)


def with_guards(process: Process, stacks: Iterable[Region], rule: Rule) -> Iterator[Claim]:
    """These regions and the guards right below them; each stack is one block with its guards."""
    chosen = {region.position: region for region in stacks}
    for region in tuple(chosen.values()):
        lower = process.below(region)
        for _ in range(GUARDS_LIMIT_COUNT):
            if lower is None or not lower.unclaimed or not lower.closed or lower.size > GUARD_MAX_BYTES:
                break
            chosen[lower.position] = lower
            lower = process.below(lower)
    start = None
    for position in sorted(chosen):
        region = chosen[position]
        start = region.start if start is None else start
        if not region.closed or not region.touches_above or position + 1 not in chosen:
            yield Claim(start, region.end, rule)
            start = None


def shows_guards(process: Process, lacking: int) -> bool:
    """Whether the guards of half of the stacks are seen: then none is hidden.

    Or of as many of one size as the number of `lacking` threads, which have no stack.
    """
    guards = [region for region in process.regions if region.closed and region.size <= GUARD_MAX_BYTES]
    number = sum(guard.kind == Kind.THREAD_STACK for guard in guards)
    sizes: Counter[tuple[int, int]] = Counter()
    for guard in guards:
        body = process.above(guard)
        if not guard.unclaimed or body is None or not body.unclaimed or not body.writable:
            continue
        if body.size < STACK_MIN_BYTES:
            continue
        sizes[guard.size, body.size] += 1
        # between buffers that have a guard on both sides there are two guards, which have merged
        above = process.above(body)
        double = above is not None and above.closed and above.size == 2 * guard.size
        number += guard.size in {PAGE_BYTES, SMALL_GUARD_BYTES} and not double
    return number * 2 >= process.live_threads or (lacking >= ALIKE_MIN_COUNT and lacking in sizes.values())
