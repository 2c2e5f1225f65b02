"""Why a part has its label: one plain sentence with the numbers that it rests on."""

from procmaps.classify import RULES
from procmaps.kinds import Confidence, Kind
from procmaps.tables import EXECUTE, READ, SHARED, UNKNOWN, WRITE, PartTable, Snapshot

_UNITS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_CERTAINTY = {Confidence.CERTAIN: "", Confidence.LIKELY: "Likely: ", Confidence.GUESS: "A guess: "}


def why(snapshot: Snapshot, parts: PartTable, row: int) -> str:
    """One sentence on one part: the rule in words, how sure it is, and the kind that came second.

    Names in it are the process's own text: escape it before it is shown.
    """
    rule = RULES[int(parts.rule[row])]
    mapping = int(parts.mapping[row])
    process = int(snapshot.maps.process[mapping])
    low, high = _block(parts, row)
    words = {
        "size": _size(int(parts.end[row]) - int(parts.start[row])),
        "start": f"{int(parts.start[row]):x}",
        "end": f"{int(parts.end[row]):x}",
        "block_size": _size(high - low),
        "block_start": f"{low:x}",
        "perms": _perms(int(snapshot.maps.perms[mapping])),
        "name": snapshot.maps.name(mapping).decode(errors="backslashreplace"),
        "threads": _count(int(snapshot.processes.threads[process])),
        "heap": "1 MiB" if high <= 2**32 else "64 MiB",
    }
    sentence = rule.why.format(**words)
    second = Kind(int(parts.runner_up[row]))
    other = f"; it could also be {second.label}" if second != parts.kind[row] else ""
    return f"{_CERTAINTY[Confidence(int(parts.confidence[row]))]}{sentence}{other} [{rule.name}]"


def _block(parts: PartTable, row: int) -> tuple[int, int]:
    """First and last address of the block that a part belongs to: its parts follow one another."""
    first = last = row
    block = parts.block[row]
    while first > 0 and parts.block[first - 1] == block:
        first -= 1
    while last + 1 < len(parts) and parts.block[last + 1] == block:
        last += 1
    return int(parts.start[first]), int(parts.end[last])


def _size(size: int) -> str:
    """Bytes in the largest unit that leaves no more than two decimals."""
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.2f}".rstrip("0").rstrip(".") + f" {name}"
    return f"{size} bytes"


def _count(number: int) -> str:
    return "an unknown number of" if number == UNKNOWN else str(number)


def _perms(bits: int) -> str:
    letters = ((READ, "r", "-"), (WRITE, "w", "-"), (EXECUTE, "x", "-"), (SHARED, "s", "p"))
    return "".join(yes if bits & bit else no for bit, yes, no in letters)
