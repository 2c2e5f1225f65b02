"""One process of a run for people: its facts, its kinds with a sum that can be checked, its findings."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from archive.run import Run
from mapsweep.host_view.amounts import known
from mapsweep.host_view.finding_lines import finding_lines
from mapsweep.host_view.host_lines import run_words
from mapsweep.host_view.kept_process import DENIED, NOT_READ, Kept
from mapsweep.host_view.kind_lines import ROWS_MAX, kind_lines, sums
from mapsweep.host_view.mapping_lines import mapping_lines
from mapsweep.process_view.heading import heading
from mapsweep.process_view.plain_view import reason_lines
from mapsweep.terminal.prose import command_lines, prose
from mapsweep.terminal.terminal import Style, Terminal
from procmaps.tables import Evidence
from reports.rows import Range
from reports.sentence import doubts
from reports.tables.measures import YES
from reports.text.sizes import day_time, duration, growth, instant, number, size
from reports.views.mappings import ROWS_A_PROCESS_MAX, mappings
from reports.views.one_host import OneHost, Row

VSYSCALL_BYTES: Final = 4096  # [vsyscall] has a line in maps, and is not in VmSize
ARGUMENTS_LENGTH_MAX: Final = 400  # characters on a terminal
_MAPPINGS_ALL: Final = 10_000_000


def process_lines(
    view: OneHost,
    run: Run,
    row: Row,
    terminal: Terminal,
    *,
    whole: bool = False,
    hints: Sequence[str] = (),
) -> Iterator[str]:
    """The lines of a process from its result; `whole` tells all kinds and findings."""
    yield from _heading(view, run, row, terminal)
    for text in _facts(view, row, terminal):
        yield from prose(text, terminal, "  ")
    yield ""
    yield from prose(_measures(view, row), terminal)
    yield from _doubts(row, terminal)
    own = view.footprints_of(row)
    if len(own):
        yield ""
        yield from kind_lines(own, terminal, rows_max=None if whole else ROWS_MAX)
        yield ""
        for text in checks(row, sums(own)):
            yield from prose(text, terminal)
    found = view.findings_of(row)
    if len(found):
        yield ""
        yield terminal.styled("findings", Style.STRONG)
        yield from finding_lines(found, terminal, named=False, findings_max=None)
    if hints:
        yield ""
    for hint in hints:
        yield from command_lines("next:   ", hint, terminal)


def kept_lines(
    kept: Kept, terminal: Terminal, *, why: bool, whole: bool, rows_max: int = ROWS_A_PROCESS_MAX
) -> Iterator[str]:
    """The mappings from the dump; with `why` the reason for each label, and what lost."""
    yield ""
    if kept.process is None:
        yield from prose(
            f"no mappings: {kept.missing}" + (f" ({kept.remedy})" if kept.remedy else ""), terminal
        )
        return
    yield terminal.styled("mappings", Style.STRONG)
    if kept.rules_differ:
        yield from prose(kept.rules_differ, terminal)
    found = mappings(kept.process.snapshot, kept.process.parts, rows_max=_MAPPINGS_ALL if whole else rows_max)
    yield from mapping_lines(found, terminal)
    if why:
        yield ""
        yield from reason_lines(kept.process, terminal.columns)


def checks(row: Row, total: Row) -> Iterator[str]:
    """What the kernel says of the whole process beside the sums of its kinds."""
    if row["vm_size_bytes"] is not None:
        yield f"VSZ {size(row['vm_size_bytes'], plain=True)} by the kernel: {_of_reserved(row, total)}"
    rss = row["rss_bytes"]
    if rss is None:
        return
    parts = (
        (row["rss_anon_bytes"], "anonymous"),
        (row["rss_file_bytes"], "of files"),
        (row["rss_shmem_bytes"], "shared"),
    )
    told = ", ".join(f"{size(amount, plain=True)} {what}" for amount, what in parts if amount)
    yield f"RSS {size(rss, plain=True)} by the kernel ({told}): {_of_resident(rss, total)}"


def _of_reserved(row: Row, total: Row) -> str:
    over = total["reserved_bytes"] - row["vm_size_bytes"]
    if over == 0:
        return "equals the sum of reserved"
    if over == VSYSCALL_BYTES:
        return "equals the sum of reserved without [vsyscall], 4.0 KiB that it does not count"
    differs = growth(over, plain=True)
    return f"the sum of reserved differs by {differs}, for the process changed while it was read"


def _of_resident(rss_bytes: int, total: Row) -> str:
    resident = total["resident_bytes"]
    if resident is None:
        most = min(rss_bytes, total["resident_max_bytes"])
        return f"each line is a bound by itself, and together they have at most {size(most, plain=True)}"
    if resident == rss_bytes:
        return "equals the sum of resident"
    over = growth(resident - rss_bytes, plain=True)
    return f"the sum of resident differs by {over}, for smaps was read at another moment"


def _heading(view: OneHost, run: Run, row: Row, terminal: Terminal) -> Iterator[str]:
    comm = str(row["comm"] or row["exe"]).encode(errors="surrogateescape")
    evidence = Evidence[str(row["evidence"]).upper()]
    target = f"{view.host['name']}, {run_words(view, run)}"
    for line in prose(heading(comm, row["pid"], target, evidence), terminal):
        yield terminal.styled(line, Style.STRONG)


def _facts(view: OneHost, row: Row, terminal: Terminal) -> Iterator[str]:
    place = (row["service"], row["unit"] if row["unit"] != row["service"] else "", row["runtime"])
    container = f"container {row['container']}" if row["container"] else ""
    if told := ", ".join(filter(None, (*place, container))):
        yield told
    if row["exe"]:
        yield f"program {row['exe']}"
    if arguments := row["arguments"]:
        is_cut = terminal.is_tty and len(arguments) > ARGUMENTS_LENGTH_MAX
        yield f"arguments {arguments[:ARGUMENTS_LENGTH_MAX]} ..." if is_cut else f"arguments {arguments}"
    user = "" if row["uid"] is None else f"user id {row['uid']}"
    threads = "" if row["threads"] is None else f"{number(row['threads'])} threads"
    restarted = {"yes": "restarted since", "new": "new since"}.get(row["restarted"], "")
    since = f"{restarted} {day_time(view.fleet['compared_at'])}" if restarted else ""
    trouble = f"its record is {row['trouble']}" if row["trouble"] else ""
    yield ", ".join(filter(None, (_started(view, row), user, threads, since, trouble)))


def _started(view: OneHost, row: Row) -> str:
    """When it was started, and how long it had run when it was read."""
    if row["started_at_s"] is None:
        return ""
    try:
        begun = datetime.fromtimestamp(row["started_at_s"], UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    swept = instant(str(view.host["at"]))
    ran = f", {duration((swept - begun).total_seconds())} before it was read" if swept else ""
    return f"started {begun:%Y-%m-%d %H:%M:%S} UTC{ran}"


def _measures(view: OneHost, row: Row) -> str:
    if row["evidence"] == DENIED:
        return f"native heap and stacks unknown: {NOT_READ}"
    since = f" since {day_time(view.fleet['compared_at'])}" if view.fleet["compared_at"] else ""
    changed = row["growth_bytes"]
    grown = "" if changed is None else f", growth {growth(changed, plain=True)}{since}"
    bloat = f", bloat {size(row['bloat_bytes'], plain=True)}" if row["bloat_bytes"] else ""
    peers = (
        f" ({size(row['peer_excess_bytes'], plain=True)} above its peers)" if row["peer_excess_bytes"] else ""
    )
    swap = f", swap {size(row['swap_bytes'], plain=True)}" if row["swap_bytes"] else ""
    stacks = f", {number(row['stacks'], plain=True)} thread stacks {known(row, 'stacks')}"
    return f"native heap {known(row, 'native_heap')}{grown}{bloat}{peers}{stacks}{swap}"


def _doubts(row: Row, terminal: Terminal) -> Iterator[str]:
    """How much is guessed, and what the native heap can be."""
    if row["doubtful"] != YES:
        return
    guessed, present = row["guessed_bytes"], row["present_bytes"]
    bound = row["native_heap_resident_bytes"] is None
    told = f"{size(guessed, bound=bound, plain=True)} of {size(present, plain=True)}"
    ends = Range(row["native_heap_least_bytes"], row["native_heap_most_bytes"], is_bound=bound)
    sizes = doubts.span(ends, plain=True)
    native = f"; by its labels the native heap is {sizes}" if sizes else ""
    largest = f", most of it {row['largest_guess']}" if row["largest_guess"] else ""
    text = (
        f"doubtful labels: {told} resident or swapped is labelled by a guess{largest}{native}; {doubts.PAGE}"
    )
    first, *others = prose(text, terminal)
    title = "doubtful labels"
    yield terminal.styled(title, Style.ODD) + first.removeprefix(title)
    yield from others
