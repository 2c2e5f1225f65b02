"""One process for people: what could not be identified, the kinds in paragraphs of equal size, the sums."""

from collections.abc import Iterator

import numpy as np

from mapsweep.labelled_process import LabelledProcess
from mapsweep.sizes import exact
from mapsweep.terminal import Style, Terminal, cells, visible_bytes
from procmaps.kinds import FAMILY_OF, Family, Kind
from procmaps.tables import UNKNOWN, Flags

UNIDENTIFIED = tuple(kind for kind in Kind if FAMILY_OF[kind] is Family.OTHER)

_DASH = "-"
_COUNT_COLUMNS, _SIZE_COLUMNS = 7, 15
_KIND_COLUMNS = max(len(kind.label) for kind in Kind)


def plain_lines(process: LabelledProcess, terminal: Terminal, *, why: bool = False) -> Iterator[str]:
    """The lines of the view; names are cut to a terminal's width, and never in a pipe."""
    unidentified = np.isin(process.parts.kind, UNIDENTIFIED)
    for part in np.flatnonzero(unidentified).tolist():
        yield from _block(process, terminal, part)
    if unidentified.any():
        yield ""
    yield terminal.styled(
        _row("kind", "count", ("each", "reserved", "committed"), _resident(process, "resident")), Style.STRONG
    )
    yield from _kinds(process)
    yield from _sums(process, unidentified)
    if why:
        yield ""
        yield from _reasons(process)


def _block(process: LabelledProcess, terminal: Terminal, part: int) -> Iterator[str]:
    size_bytes = int(process.sizes_bytes[part])
    line = f"{process.span(part)[0]} - {size_bytes:>12} ({exact(size_bytes):>9}), {process.perms(part)}"
    if name := visible_bytes(process.name(part)):
        line += ", "
        line += terminal.fitted(name, max(terminal.columns - cells(line), 12))
    yield line


def _kinds(process: LabelledProcess) -> Iterator[str]:
    """A paragraph a kind, a line a block size; smaller blocks first."""
    table = process.footprints()
    order = np.lexsort((table.block_bytes, table.kind)).tolist()
    last = None
    for row in order:
        kind = Kind(int(table.kind[row]))
        if kind is not last:
            yield ""
        each_bytes = int(table.block_bytes[row])
        sizes = (int(table.reserved_bytes[row]), int(table.committed_bytes[row]))
        yield _row(
            "" if kind is last else kind.label,
            str(int(table.count[row])),
            (exact(each_bytes) if each_bytes else "", *map(exact, sizes)),
            _resident(process, _known(int(table.resident_bytes[row]))),
        )
        last = kind


def _sums(process: LabelledProcess, unidentified: Flags) -> Iterator[str]:
    everything = np.ones_like(unidentified)
    yield ""
    yield _sum(process, "unidentified", unidentified)
    yield _sum(process, "sum", everything)
    yield ""
    reserved_bytes = process.sum_bytes(everything)
    committed_bytes = process.sum_bytes(everything & process.accessible)
    yield f"sum reserved = {reserved_bytes} bytes, sum committed = {committed_bytes} bytes"
    if status := _status(process):
        yield status


def _sum(process: LabelledProcess, title: str, of: Flags) -> str:
    resident = process.parts.resident_bytes[of]
    known = resident[resident != UNKNOWN]
    return _row(
        title,
        str(int(of.sum())),
        ("", exact(process.sum_bytes(of)), exact(process.sum_bytes(of & process.accessible))),
        _resident(process, exact(int(known.sum()))),
    )


def _status(process: LabelledProcess) -> str:
    """What the kernel says of the whole process, where its status was read."""
    table = process.snapshot.processes
    words = [
        f"{name} = {exact(amount_bytes)}"
        for name, column in (
            ("VmSize", table.vm_size_bytes),
            ("VmRSS", table.rss_bytes),
            ("RssAnon", table.rss_anon_bytes),
        )
        if (amount_bytes := int(column[0])) != UNKNOWN
    ]
    if (threads := int(table.threads[0])) != UNKNOWN:
        words.append(f"Threads = {threads}")
    return "status: " + ", ".join(words) if words else ""


def _reasons(process: LabelledProcess) -> Iterator[str]:
    for part in range(len(process.parts)):
        start, end = process.span(part)
        kind, confidence = process.kind(part).label, process.confidence(part).label
        yield f"{start}-{end} {kind} ({confidence}, {process.rule(part)}): {process.why(part)}"


def _row(kind: str, count: str, sizes: tuple[str, ...], resident: tuple[str, ...]) -> str:
    columns = "".join(f"{size:>{_SIZE_COLUMNS}}" for size in (*sizes, *resident))
    return f"{kind:<{_KIND_COLUMNS}}{count:>{_COUNT_COLUMNS}}{columns}".rstrip()


def _resident(process: LabelledProcess, text: str) -> tuple[str, ...]:
    return (text,) if process.has_resident else ()


def _known(amount_bytes: int) -> str:
    return _DASH if amount_bytes == UNKNOWN else exact(amount_bytes)
