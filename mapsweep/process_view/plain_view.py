"""One process for people: which it is, the unidentified blocks, the kinds by family, the sums."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from mapsweep.process_view.doubt_lines import doubt_lines
from mapsweep.process_view.labelled_process import LabelledProcess
from mapsweep.terminal.terminal import Style, Terminal, cells, visible_bytes
from procmaps.footprint import Sums, sums
from procmaps.kinds import FAMILY_OF, Family, Kind
from procmaps.tables import UNKNOWN, FootprintTable
from reports.text.sizes import size

if TYPE_CHECKING:
    from procmaps.losers import Loser

UNIDENTIFIED = tuple(kind for kind in Kind if FAMILY_OF[kind] is Family.OTHER)

_DASH = "-"
_NAME_COLUMNS_MIN = 12
_WRAP_COLUMNS_MIN = 40
_KIND_COLUMNS = max(len(kind.label) for kind in Kind)
_COUNT_COLUMNS, _EACH_COLUMNS, _SIZE_COLUMNS = 6, 10, 11
_KIB = 1024


def plain_lines(process: LabelledProcess, terminal: Terminal, *, why: bool = False) -> Iterator[str]:
    """The lines of the view; names are cut to a terminal's width, and never in a pipe."""
    yield terminal.styled(terminal.fitted(process.heading, terminal.columns), Style.STRONG)
    yield ""
    unidentified = np.flatnonzero(np.isin(process.parts.kind, UNIDENTIFIED)).tolist()
    for part in unidentified:
        yield _block(process, terminal, part)
    if unidentified:
        yield ""
    table = process.footprints()
    yield terminal.styled(_heading(process), Style.STRONG)
    yield from _kinds(process, table)
    yield from _sums(process, table)
    yield from doubt_lines(process, table, terminal, why=why)
    if why:
        yield ""
        yield from reason_lines(process, terminal.columns)


def _block(process: LabelledProcess, terminal: Terminal, part: int) -> str:
    """One block that no rule recognised: address, bytes, size, perms, name."""
    size_bytes = int(process.sizes_bytes[part])
    shown = f"{_size(size_bytes):>9} ({size_bytes:,} bytes)"
    line = f"{process.span(part)[0]} {shown}, {process.perms(part)}"
    name = visible_bytes(process.name(part))
    if not name:
        return line
    left = terminal.columns - cells(line) - len(", ")
    return f"{line}, {terminal.fitted(name, max(left, _NAME_COLUMNS_MIN))}"


def _kinds(process: LabelledProcess, table: FootprintTable) -> Iterator[str]:
    """One paragraph per family, one line per kind and block size; larger blocks first."""
    family, last = None, None
    for row in range(len(table)):
        kind = Kind(int(table.kind[row]))
        if kind.family is not family:
            yield ""
        each_bytes = int(table.block_bytes[row])
        yield _row(
            process,
            "" if kind is last else kind.label,
            int(table.count[row]),
            _size(each_bytes) if each_bytes else "",
            (int(table.reserved_bytes[row]), int(table.committed_bytes[row]), int(table.resident_bytes[row])),
        )
        family, last = kind.family, kind


def _sums(process: LabelledProcess, table: FootprintTable) -> Iterator[str]:
    unidentified = sums(table, np.isin(table.kind, UNIDENTIFIED))
    everything = sums(table, np.ones(len(table), np.bool_))
    yield ""
    yield _sum(process, "unidentified", unidentified)
    yield _sum(process, "sum", everything)
    yield ""
    reserved, committed = everything.reserved_bytes, everything.committed_bytes
    yield f"sum reserved = {reserved:,} bytes, committed = {committed:,} bytes"
    if status := _status(process):
        yield status


def _sum(process: LabelledProcess, title: str, of: Sums) -> str:
    return _row(process, title, of.count, "", (of.reserved_bytes, of.committed_bytes, of.resident_bytes))


def _status(process: LabelledProcess) -> str:
    """The kernel's figures of the whole process, if its status was read; VmSize excludes [vsyscall]."""
    table = process.snapshot.processes
    columns = (("VmSize", table.vm_size_bytes), ("VmRSS", table.rss_bytes), ("RssAnon", table.rss_anon_bytes))
    words = [f"{name} = {_size(int(column[0]))}" for name, column in columns if int(column[0]) != UNKNOWN]
    if (threads := int(table.threads[0])) != UNKNOWN:
        words.append(f"Threads = {threads}")
    return "status: " + ", ".join(words) if words else ""


def reason_lines(process: LabelledProcess, columns: int) -> Iterator[str]:
    """Each part with its reason; the source of a rule, and what lost to it, where they are told first."""
    losers = process.losers()
    told: set[tuple[str, ...]] = set()
    for part in range(len(process.parts)):
        start, end = process.span(part)
        reason = process.why(part, other=False)
        yield from _wrapped(f"{start}-{end} {process.kind(part).label}: {reason}", columns, "")
        rule = process.rule(part)
        if (rule,) not in told:
            told.add((rule,))
            yield from _wrapped(f"source: {process.source(part)}", columns)
        lost = [_lost(loser, process.block_bytes(part)) for loser in losers.get(part, ())]
        if lost and (rule, *lost) not in told:
            told.add((rule, *lost))
            for line in lost:
                yield from _wrapped(line, columns)
    if len(losers) < len(set(process.parts.block.tolist())):
        yield ""
        yield from _wrapped(f"What else could be is told for the {len(losers)} largest blocks.", columns, "")


def _lost(loser: "Loser", block_bytes: int) -> str:
    part = f", {_size(loser.size_bytes)} of it" if loser.size_bytes < block_bytes else ""
    return f"or else {loser.rule.kind.label}{part} [{loser.rule.name}]: {loser.reason}"


def _wrapped(text: str, columns: int, indent: str = "    ") -> list[str]:
    """Lines that fit the columns, unless a word does not; those after the first are indented more."""
    return textwrap.wrap(
        text,
        max(columns, _WRAP_COLUMNS_MIN),
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _heading(process: LabelledProcess) -> str:
    sizes = ("reserved", "committed", *(("resident",) if process.has_resident else ()))
    columns = "".join(f" {title:>{_SIZE_COLUMNS}}" for title in sizes)
    return f"{'kind':<{_KIND_COLUMNS}} {'count':>{_COUNT_COLUMNS}} {'each':>{_EACH_COLUMNS}}{columns}"


def _row(process: LabelledProcess, title: str, count: int, each: str, sizes: tuple[int, int, int]) -> str:
    """One line; the last size is the resident one, shown if it is known for the process."""
    reserved, committed, resident = sizes
    shown = [_size(reserved), _size(committed)]
    if process.has_resident:
        # a mapping's Rss is divided among its parts, so less than a KiB means nothing
        shown.append(_DASH if resident == UNKNOWN else _size(round(resident / _KIB) * _KIB))
    columns = "".join(f" {size:>{_SIZE_COLUMNS}}" for size in shown)
    return f"{title:<{_KIND_COLUMNS}} {count:>{_COUNT_COLUMNS}} {each:>{_EACH_COLUMNS}}{columns}"


def _size(size_bytes: int) -> str:
    return size(size_bytes, plain=True)
