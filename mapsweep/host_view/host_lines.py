"""One host of a run for people: how it ended, its own account of its memory, findings, processes, kinds."""

from collections.abc import Iterator, Sequence
from typing import Final

from archive.run import Run
from mapsweep.host_view.amounts import Column, known, table_lines, text_column
from mapsweep.host_view.finding_lines import FINDINGS_MAX, finding_lines
from mapsweep.host_view.kind_lines import kind_lines
from mapsweep.host_view.process_table import Wanted, process_lines
from mapsweep.terminal.prose import command_lines, prose
from mapsweep.terminal.terminal import Style, Terminal
from reports.columns.column import by_name
from reports.columns.columns import HOSTS
from reports.tables.status import OK, WAITING
from reports.text.sizes import day_time, duration, growth, number, size, when
from reports.views.one_host import OneHost

NOTES_MAX: Final = 10
_RAM: Final = by_name(
    HOSTS,
    *("anon_pages_bytes", "cache_bytes", "shmem_bytes", "slab_bytes", "page_tables_bytes"),
    *("kernel_stack_bytes", "huge_pages_bytes", "remainder_bytes", "mem_free_bytes"),
)
_STYLES: Final = {"ok": Style.GOOD, "partial": Style.ODD, "failed": Style.BAD, "waiting": Style.ODD}


def host_lines(
    view: OneHost, run: Run, terminal: Terminal, wanted: Wanted, hints: Sequence[str] = ()
) -> Iterator[str]:
    """The lines of a host; those of one that gave no result say why, and what to do."""
    yield from _heading(view, run, terminal)
    if view.answered:
        yield from _sums(view, terminal)
        yield from _account(view, terminal)
        if len(view.findings):
            yield from ("", terminal.styled("findings", Style.STRONG))
            most = None if wanted.all else FINDINGS_MAX
            yield from finding_lines(view.findings, terminal, named=True, findings_max=most)
        yield ""
        yield from process_lines(view, terminal, wanted)
        yield ""
        yield from kind_lines(view.kinds, terminal, rows_max=None)
    if hints:
        yield ""
    for hint in hints:
        yield from command_lines("next:   ", hint, terminal)


def run_words(view: OneHost, run: Run) -> str:
    """Which run it is, for a heading."""
    begun = day_time(str(view.fleet["started_at"]))
    return f"run {run.manifest.scope.name}, {begun}" + ("" if view.fleet["closed_at"] else ", open: so far")


def _heading(view: OneHost, run: Run, terminal: Terminal) -> Iterator[str]:
    host = view.host
    status = str(host["status"])
    first, *others = prose(f"{host['name']}: {status}, {run_words(view, run)}", terminal)
    yield first.replace(f": {status}", f": {terminal.styled(status, _STYLES[status])}", 1)
    yield from others
    if status != OK or host["detail"]:
        why = ": ".join(filter(None, (host["stage"], host["reason"], host["detail"])))
        yield from prose(why, terminal, "  ")
    if host["remedy"]:
        yield from prose(f"remedy: {host['remedy']}", terminal, "  ")
    if host["status"] == WAITING and run.has_dump(host["name"]):
        yield "  its dump has come in, and waits to be classified"
    for text in filter(None, _facts(view)):
        yield from prose(text, terminal, "  ")


def _facts(view: OneHost) -> Iterator[str]:
    host = view.host
    if host["labels"]:
        yield f"labels: {host['labels']}"
    if host["at"]:
        took = "" if host["elapsed_s"] is None else f", took {_took(host['elapsed_s'])}"
        done = "swept" if view.answered else "tried"
        yield f"{done} {when(host['at'])}{took}, attempt {host['attempt']}"
    if not view.answered:
        return
    cores = "" if host["cores"] is None else f"{host['cores']} cores"
    ram = "" if host["mem_total_bytes"] is None else f"{size(host['mem_total_bytes'], plain=True)} RAM"
    kernel = f"Linux {host['kernel']}" if host["kernel"] else ""
    huge = f"huge pages {host['thp_mode']}" if host["thp_mode"] else ""
    yield ", ".join(filter(None, (host["os_name"], kernel, cores, ram, huge)))
    counts = (
        (host["sent"], "processes"),
        (host["denied"], "not readable"),
        (host["vanished"], "ended meanwhile"),
    )
    told = [f"{number(count)} {what}" for count, what in counts if count]
    doubtful = f"{number(host['doubtful'])} with doubtful labels" if host["doubtful"] else ""
    restarted = f"{number(host['restarted'])} restarted" if host["restarted"] else ""
    yield ", ".join(filter(None, (*told, doubtful, restarted))) or "no process with memory of its own"
    yield from view.notes[:NOTES_MAX]
    if len(view.notes) > NOTES_MAX:
        yield f"and {len(view.notes) - NOTES_MAX:,} more notes: --json"


def _took(elapsed_s: float) -> str:
    return f"{elapsed_s:.1f} s" if elapsed_s < 10 else duration(elapsed_s)


def _sums(view: OneHost, terminal: Terminal) -> Iterator[str]:
    """The sums over its processes."""
    host = view.host
    place = f", place {number(host['rank'])} of {number(view.fleet['asked'])}" if host["rank"] else ""
    yield ""
    yield from prose(f"native heap {known(host, 'native_heap')}{_changes(view)}{place}", terminal)
    stacks = f"{number(host['stacks'], plain=True)} thread stacks {known(host, 'stacks')}"
    java = f", Java heap {known(host, 'java_heap')}" if host["java_heap_reserved_bytes"] else ""
    rss = f", RSS of all {size(host['rss_bytes'], plain=True)}, swap {size(host['swap_bytes'], plain=True)}"
    yield from prose(f"{stacks}{java}{rss}", terminal)


def _changes(view: OneHost) -> str:
    """Growth with the day that it is against, and bloat."""
    changed, bloat = view.host["growth_bytes"], view.host["bloat_bytes"]
    since = f" since {day_time(view.fleet['compared_at'])}" if view.fleet["compared_at"] else ""
    grown = "" if changed is None else f", growth {growth(changed, plain=True)}{since}"
    return grown + (f", bloat {size(bloat, plain=True)}" if bloat else "")


def _account(view: OneHost, terminal: Terminal) -> Iterator[str]:
    """The host's own account of its RAM, which adds up to all of it."""
    host, total = view.host, view.host["mem_total_bytes"]
    parts = [(column.title, host[column.name]) for column in _RAM if host[column.name]]
    if total is None or host["remainder_bytes"] is None:
        return
    shares = [max(0, amount) / max(1, total) for _, amount in parts]
    columns = [
        text_column("RAM, as the host counts it", [*(title for title, _ in parts), "sum"]),
        Column("size", [*(growth_free(amount) for _, amount in parts), size(total, plain=True)]),
        Column("share", [*(f"{share:.0%}" for share in shares), ""]),
    ]
    heading, *lines = table_lines(columns, terminal, [*shares, 0.0])
    yield from ("", terminal.styled(heading, Style.FAINT), *lines[:-1])
    yield terminal.styled(lines[-1], Style.STRONG)


def growth_free(amount_bytes: int) -> str:
    """A size that can be below 0: what is not attributed, where the kernel counts something twice."""
    return size(amount_bytes, plain=True) if amount_bytes >= 0 else growth(amount_bytes, plain=True)
