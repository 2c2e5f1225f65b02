"""report/index.html: one file that asks nothing of anybody, readable without its script and printed as it is.

All text is escaped; a policy in the page allows the one style and the one script by their hashes and nothing
else, so that even what slipped through could neither run nor load anything.
"""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from jinja2 import Environment, Template
from markupsafe import Markup

from reports import sizes, verdict
from reports.columns import HOSTS, PROCESSES, SERVICES, Column, Unit, by_name
from reports.measures import PEERS_MIN
from reports.rank import SEVERITIES, Report, added
from reports.rows import Extent, HostRow, ProcessRow, ServiceRow, cell
from reports.templating import FOLDER, environment
from reports.words import WORDS

PAGE_BYTES_MAX = 8 * 2**20
ADVICE_MAX = 10
MEMBERS_MAX = 5  # processes named with one advice
STACK_HOSTS_MAX = 50
SERVICES_MAX = 200
BAR_PIXELS = 120
# processes a host, and how many of them kind by kind: the first pair below PAGE_BYTES_MAX is taken
DETAIL = ((20, 20), (20, 5), (10, 2), (5, 1), (3, 0), (0, 0))

_PARTS = (
    ("heap_main", "main heap"),
    ("heap_arena", "arenas"),
    ("heap_mmap", "large blocks"),
    ("heap_allocator", "other allocators"),
)


@dataclass(frozen=True, slots=True)
class Others:
    """The processes of a host that are not shown one by one."""

    count: int
    native_heap_bytes: int | None
    stacks_bytes: int | None


@dataclass(frozen=True, slots=True)
class Heading:
    """A column as a table's head prints it."""

    name: str
    title: str
    meaning: str
    is_text: bool


def render(report: Report, *, page_bytes_max: int = PAGE_BYTES_MAX) -> bytes:
    """The page in UTF-8; beyond `page_bytes_max` it shows fewer processes a host, and says so."""
    made = _environment(report)
    page, section = made.get_template("report.html.j2"), made.get_template("host.html.j2")
    frame_bytes = len(page.render(sections="", limited="").encode())
    for processes, detailed in DETAIL:
        last = (processes, detailed) == DETAIL[-1]
        room = page_bytes_max - frame_bytes if not last else None
        sections = _sections(section, report, processes, detailed, room)
        if sections is not None:
            return page.render(sections=sections, limited=_limited(processes, detailed)).encode()
    raise AssertionError("the last step of DETAIL has no limit")


def _sections(
    section: Template, report: Report, processes: int, detailed: int, room: int | None
) -> Markup | None:
    """The hosts one by one; None as soon as they take more than `room` bytes."""
    rendered: list[str] = []
    left = room
    for host in report.hosts:
        if not host.answered:
            continue
        html = section.render(host=host, processes=host.shown[:processes], detailed=detailed)
        rendered.append(html)
        if left is not None:
            left -= len(html.encode())
            if left < 0:
                return None
    return Markup("".join(rendered))  # noqa: S704 -- put together from escaped pieces


def _limited(processes: int, detailed: int) -> str:
    """What the page says when it was cut down."""
    if (processes, detailed) == DETAIL[0]:
        return ""
    shown = (
        f"the {processes} largest processes a host are shown"
        if processes
        else "no single processes are shown"
    )
    kinds = f", {detailed} of them by kind" if detailed else ""
    return f"To keep this page small {shown}{kinds}. processes.csv and footprints.csv have them all."


def _environment(report: Report) -> Environment:
    """The templates with what every page knows, and how a row becomes a bar."""
    made = environment()
    css, js = (FOLDER / "report.css").read_text("utf-8"), (FOLDER / "report.js").read_text("utf-8")
    ranked = [row for row in report.hosts if row.rank is not None]
    compared = bool(report.run.compared_with)
    made.globals.update(
        report=report,
        run=report.run,
        totals=report.totals,
        word=verdict.word(report).value,
        tone=_TONES[verdict.word(report)],
        css=Markup(css),  # noqa: S704 -- the package's own file
        js=Markup(js),  # noqa: S704 -- the package's own file
        css_hash=_hash(css),
        js_hash=_hash(js),
        places={row.name: f"h{place}" for place, row in enumerate(report.hosts, start=1)},
        ranked=len(ranked),
        by_stacks=report.by_stacks[: min(STACK_HOSTS_MAX, len(ranked))],
        services=report.services[:SERVICES_MAX],
        compared=compared,
        host_columns=_headings(HOSTS, _HOST_COLUMNS, compared=compared),
        stack_columns=_headings(HOSTS, _STACK_COLUMNS, compared=compared),
        service_columns=_headings(SERVICES, _SERVICE_COLUMNS, compared=compared),
        process_columns=_headings(PROCESSES, _PROCESS_COLUMNS, compared=compared),
        parts=_PARTS,
        advice_max=ADVICE_MAX,
        members_max=MEMBERS_MAX,
        peers_min=PEERS_MIN,
        bar_pixels=BAR_PIXELS,
        words=WORDS,
        took=_took(report),
    )
    made.filters.update(
        raw=_raw,
        share=_share,
        of_ram=_of_ram,
        of_ram_raw=_of_ram_raw,
        worst=verdict.worst,
        most_stacks=_most_stacks,
        median=_median,
        largest=_largest,
        heap_parts=_heap_parts(ranked),
        stack_part=_stack_part(ranked),
        uptime=_uptime,
        up_s=_up_s,
        sortable=_sortable,
        urgent=_urgent,
        others=_others,
        own_sum=_own_sum,
    )
    return made


_TONES = {
    verdict.Word.OK: "good",
    verdict.Word.CHANGED: "warn",
    verdict.Word.PARTIAL: "warn",
    verdict.Word.FAILED: "bad",
}
_HOST_COLUMNS = (
    *(
        "rank",
        "name",
        "native_heap_resident_max_bytes",
        "",
        "growth_bytes",
        "bloat_bytes",
        "of_ram",
        "rss_bytes",
    ),
    *("stacks", "stacks_resident_max_bytes", "stacks_reserved_bytes", "java_heap_resident_max_bytes"),
    *("arena_heaps", "threads", "largest"),
)
_STACK_COLUMNS = (
    *("stack_rank", "name", "stacks_resident_max_bytes", "", "stacks", "stacks_committed_bytes"),
    *("stacks_reserved_bytes", "threads", "most_stacks"),
)
_SERVICE_COLUMNS = (
    *("service", "members", "hosts", "native_heap_resident_max_bytes", "growth_bytes"),
    *("native_heap_median_bytes", "native_heap_max_bytes", "peer_excess_bytes", "stacks"),
    *("stacks_resident_max_bytes", "largest_host"),
)
_PROCESS_COLUMNS = (
    *("pid", "comm", "service", "native_heap_resident_max_bytes", "growth_bytes", "bloat_bytes", "rss_bytes"),
    *("stacks", "stacks_resident_max_bytes", "stacks_reserved_bytes", "java_heap_resident_max_bytes"),
    *("arena_heaps", "threads", "uptime"),
)
_DERIVED = {
    "": Heading("", "", "", is_text=False),
    "of_ram": Heading("of_ram", "of RAM", "Native heap as a part of MemTotal", is_text=False),
    "largest": Heading(
        "largest", "Largest process", "The process with the largest native heap", is_text=True
    ),
    "most_stacks": Heading("most_stacks", "Most stacks", "The process with the largest stacks", is_text=True),
    "uptime": Heading("uptime", "Up", "How long the process had been running", is_text=False),
}


def _headings(declared: tuple[Column, ...], names: tuple[str, ...], *, compared: bool) -> tuple[Heading, ...]:
    """The heads of a table; growth is left out where there is nothing to compare with."""
    wanted = [name for name in names if compared or name != "growth_bytes"]
    return tuple(
        _DERIVED[name] if name in _DERIVED else _heading(*by_name(declared, name)) for name in wanted
    )


def _heading(column: Column) -> Heading:
    return Heading(column.name, column.title, f"{column.meaning} ({column.source})", column.unit is Unit.TEXT)


def _hash(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def _raw(value: float | None) -> str:
    return "" if value is None else str(value)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else sizes.DASH


def _sortable(value: float | None) -> Markup:
    """The attribute that a cell is sorted by, where its text is not the number itself."""
    return Markup(' data-v="{}"').format(value) if value else Markup()


def _of_ram_raw(host: HostRow) -> float | None:
    heap, ram = host.native_heap_resident_max_bytes, host.mem_total_bytes
    return round(heap / ram, 6) if heap is not None and ram else None


def _of_ram(host: HostRow) -> str:
    heap, ram = host.native_heap_resident_max_bytes, host.mem_total_bytes
    return _share(heap, ram) if heap is not None and ram else sizes.DASH


def _urgent(host: HostRow) -> int:
    """How many of a host's findings are more than information."""
    return sum(each.severity != SEVERITIES[-1] for each in host.advice)


def _median(service: ServiceRow) -> Extent:
    return _as_known_as(service, service.native_heap_median_bytes)


def _largest(service: ServiceRow) -> Extent:
    return _as_known_as(service, service.native_heap_max_bytes)


def _as_known_as(service: ServiceRow, amount_bytes: int | None) -> Extent:
    """A figure out of a service's native heap: a bound where that is one."""
    return Extent(amount_bytes, None if service.native_heap.is_bound else amount_bytes)


def _most_stacks(host: HostRow) -> str:
    most = max(host.shown, key=lambda row: (row.stacks_resident_max_bytes or 0, -row.pid), default=None)
    return f"{most.comm or most.exe} ({most.pid})" if most and most.stacks else ""


Segments: TypeAlias = list[tuple[str, float, float]]  # class, x, width, in pixels


def _heap_parts(ranked: list[HostRow]) -> Callable[[HostRow], Segments]:
    """Bars on one scale. Their length is the measure; the kinds share it in proportion."""
    largest = max((row.native_heap_resident_max_bytes or 0 for row in ranked), default=0)

    def segments(host: HostRow) -> Segments:
        parts = [(kind, cell(host, f"{kind}_resident_max_bytes")) for kind, _ in _PARTS]
        amounts = [(kind, amount) for kind, amount in parts if isinstance(amount, int) and amount > 0]
        whole = sum(amount for _, amount in amounts)
        length = BAR_PIXELS * (host.native_heap_resident_max_bytes or 0) / largest if largest else 0.0
        at, drawn = 0.0, []
        for kind, amount in amounts:
            width = length * amount / whole
            drawn.append((kind, round(at, 1), round(max(width, 0.5), 1)))
            at += width
        return drawn

    return segments


def _stack_part(ranked: list[HostRow]) -> Callable[[HostRow], Segments]:
    largest = max((row.stacks_resident_max_bytes or 0 for row in ranked), default=0)

    def segments(host: HostRow) -> Segments:
        amount = host.stacks_resident_max_bytes or 0
        return [("stacks", 0, round(BAR_PIXELS * amount / largest, 1))] if largest and amount else []

    return segments


def _up_s(process: ProcessRow, host: HostRow) -> int | None:
    """How long a process had been running when its host was swept."""
    swept = sizes.instant(host.at)
    if process.started_at_s is None or swept is None:
        return None
    return max(0, round(swept.timestamp() - process.started_at_s))


def _uptime(process: ProcessRow, host: HostRow) -> str:
    seconds = _up_s(process, host)
    return sizes.DASH if seconds is None else sizes.duration(seconds)


def _others(host: HostRow, shown: tuple[ProcessRow, ...]) -> Others:
    """All that a page leaves out of a host: what the report does, and what the page's limit does."""
    left = host.shown[len(shown) :]
    heap = added([host.others_native_heap_bytes, *(row.native_heap_resident_max_bytes for row in left)])
    stacks = added([host.others_stacks_bytes, *(row.stacks_resident_max_bytes for row in left)])
    return Others(host.others + len(left), heap, stacks)


_OWN_SUM = (
    *("mem_total_bytes", "anon_pages_bytes", "cache_bytes", "shmem_bytes", "slab_bytes", "page_tables_bytes"),
    *(
        "kernel_stack_bytes",
        "huge_pages_bytes",
        "mem_free_bytes",
        "remainder_bytes",
        "rss_anon_bytes",
        "swap_bytes",
    ),
)


def _own_sum(host: HostRow) -> list[tuple[str, int | None]]:
    """MemTotal and what it is made of, beside what the processes add up to."""
    titles = {"rss_anon_bytes": "Sum of RssAnon", "swap_bytes": "Sum of VmSwap"}
    rows: list[tuple[str, int | None]] = []
    for column in by_name(HOSTS, *_OWN_SUM):
        value = cell(host, column.name)
        rows.append((titles.get(column.name, column.title), value if isinstance(value, int) else None))
    return rows


def _took(report: Report) -> str:
    started, closed = sizes.instant(report.run.started_at), sizes.instant(report.run.closed_at)
    return sizes.duration((closed - started).total_seconds()) if started and closed else ""
