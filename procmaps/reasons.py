"""Why a part has its label: one sentence with its numbers."""

from collections.abc import Callable, Mapping
from string import Formatter
from types import MappingProxyType
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.perms import perms_text
from procmaps.rules.book import RULES
from procmaps.tables import UNKNOWN, UNLIMITED, Ints64, PartTable, Snapshot

_UNITS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_CERTAINTY = {Confidence.CERTAIN: "", Confidence.LIKELY: "Likely: ", Confidence.GUESS: "A guess: "}
_ADDRESSES_32_BITS: Final = 2**32


def why(snapshot: Snapshot, parts: PartTable, row: int, *, other: bool = True) -> str:
    """One sentence on one part: the rule in words, how sure it is, and the other kind that it could be.

    The other kind is what the rule itself knows of. What other rules make of the part is in procmaps.losers.

    Names in it are the process's own text: escape it before it is shown.
    """
    rule = RULES[int(parts.rule[row])]
    wanted = {field for _, field, _, _ in Formatter().parse(rule.why) if field}
    sentence = rule.why.format_map({field: WORDS[field](snapshot, parts, row) for field in wanted})
    second = Kind(int(parts.runner_up[row]))
    also = f"; it could also be {second.label}" if other and second != parts.kind[row] else ""
    return f"{_CERTAINTY[Confidence(int(parts.confidence[row]))]}{sentence}{also} [{rule.name}]"


def _process(snapshot: Snapshot, parts: PartTable, row: int) -> int:
    return int(snapshot.maps.process[parts.mapping[row]])


def _size(_snapshot: Snapshot, parts: PartTable, row: int) -> str:
    return in_words(int(parts.end[row]) - int(parts.start[row]))


def _perms(snapshot: Snapshot, parts: PartTable, row: int) -> str:
    return perms_text(int(snapshot.maps.perms[parts.mapping[row]]))


def _name(snapshot: Snapshot, parts: PartTable, row: int) -> str:
    return snapshot.maps.name(int(parts.mapping[row])).decode(errors="backslashreplace")


def _threads(snapshot: Snapshot, parts: PartTable, row: int) -> str:
    number = int(snapshot.processes.threads[_process(snapshot, parts, row)])
    return "an unknown number of" if number == UNKNOWN else str(number)


def _anonymous(snapshot: Snapshot, parts: PartTable, row: int) -> str:
    """All anonymous memory that was touched: RssAnon, or at most VmRSS, and VmSwap if there is any."""
    process = _process(snapshot, parts, row)
    resident = _of_process(snapshot.processes.rss_anon_bytes, process)
    if snapshot.processes.rss_anon_bytes[process] == UNKNOWN and snapshot.processes.rss_bytes[process] >= 0:
        resident = "at most " + _of_process(snapshot.processes.rss_bytes, process)
    swapped = int(snapshot.processes.swap_bytes[process])
    return f"{resident} and {in_words(swapped)}" if swapped > 0 else resident


def _stack_limit(snapshot: Snapshot, parts: PartTable, row: int) -> str:
    return _of_process(snapshot.processes.stack_limit_bytes, _process(snapshot, parts, row))


def _of_process(column: Ints64, process: int) -> str:
    size = int(column[process])
    return {UNKNOWN: "unknown", UNLIMITED: "unlimited"}.get(size) or in_words(size)


def _block_size(_snapshot: Snapshot, parts: PartTable, row: int) -> str:
    low, high = bounds_of_block(parts, row)
    return in_words(high - low)


def _block_start(_snapshot: Snapshot, parts: PartTable, row: int) -> str:
    return f"{bounds_of_block(parts, row)[0]:x}"


def _arena_heap(_snapshot: Snapshot, parts: PartTable, row: int) -> str:
    return "1 MiB" if bounds_of_block(parts, row)[1] <= _ADDRESSES_32_BITS else "64 MiB"


def _java_heap(snapshot: Snapshot, parts: PartTable, row: int) -> str:
    """The size of the process's Java heap, closed parts included."""
    own = snapshot.maps.process[parts.mapping] == _process(snapshot, parts, row)
    own &= parts.kind == Kind.JAVA_HEAP
    return in_words(int((parts.end[own] - parts.start[own]).sum()))


# the fields that the sentence of a rule can use
WORDS: Final[Mapping[str, Callable[[Snapshot, PartTable, int], str]]] = MappingProxyType(
    {
        "size": _size,
        "perms": _perms,
        "name": _name,
        "threads": _threads,
        "anonymous": _anonymous,
        "stack_limit": _stack_limit,
        "block_size": _block_size,
        "block_start": _block_start,
        "arena_heap": _arena_heap,
        "java_heap": _java_heap,
    }
)


def bounds_of_block(parts: PartTable, row: int) -> tuple[int, int]:
    """First and last address of the block that a part belongs to: its parts follow one another."""
    first = last = row
    block = parts.block[row]
    while first > 0 and parts.block[first - 1] == block:
        first -= 1
    while last + 1 < len(parts) and parts.block[last + 1] == block:
        last += 1
    return int(parts.start[first]), int(parts.end[last])


def in_words(size: int) -> str:
    """Bytes in the largest unit that is not too large, with at most two decimals."""
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.2f}".rstrip("0").rstrip(".") + f" {name}"
    return f"{size} bytes"
