"""report/index.html: one file that loads nothing, and is readable without its script and in print.

All text is escaped. A policy in the page allows only its one style and its one script, by their hashes, so
that text which was not escaped could neither run nor load anything.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from typing import Any, Final

from jinja2 import Environment, Template
from markupsafe import Markup

from reports import cells, doubts, sizes, verdict
from reports.advice import MEMBERS_A_GROUP_MAX
from reports.column import Column, Unit, by_name
from reports.columns import HOSTS, PROCESSES, SERVICES
from reports.measures import PEERS_MIN
from reports.page_rows import NOTHING, PageRows
from reports.report import Report
from reports.templating import FOLDER, environment
from reports.words import WORDS

PAGE_BYTES_MAX = 8 * 2**20
ADVICE_MAX = 10
STACK_HOSTS_MAX = 50
SERVICES_MAX = 200
DOUBTFUL_HOSTS_MAX = 12  # named at the top
_SECTIONS: Final = Markup("<!-- sections -->")  # no text that is escaped can hold it
# processes a host, and how many of them kind by kind: the first pair below PAGE_BYTES_MAX is taken
DETAIL = ((20, 20), (20, 5), (10, 2), (5, 1), (3, 0), (0, 0))


@dataclass(frozen=True, slots=True)
class Heading:
    """A column as a table's head prints it."""

    name: str
    title: str
    meaning: str
    is_text: bool


def render(report: Report, *, page_bytes_max: int = PAGE_BYTES_MAX) -> bytes:
    """The page in UTF-8. Above `page_bytes_max` it shows fewer processes per host, and says so."""
    made = _environment(report)
    before, after = made.get_template("report.html.j2").render(sections=_SECTIONS).split(_SECTIONS)
    hosts = _Hosts(made.get_template("host.html.j2"), report)
    room = page_bytes_max - _bytes(before, after) - hosts.bytes
    for processes, detailed in DETAIL:
        last = (processes, detailed) == DETAIL[-1]
        sections = hosts.sections(processes, detailed, None if last else room)
        if sections is not None:
            return "".join((before, hosts.limited(processes, detailed), *sections, after)).encode()
    raise AssertionError("the last step of DETAIL has no limit")


class _Hosts:
    """The sections of the hosts. What does not depend on the room that they have is rendered once."""

    def __init__(self, template: Template, report: Report) -> None:
        pieces: Any = template.make_module()  # the macros in it
        self._pieces = pieces
        self._rows = PageRows(
            report.tables, compared=bool(report.run.compared_with), ranged=doubts.is_told(report)
        )
        self._hosts = [host for host in report.hosts if host.answered]
        findings = self._rows.findings
        self._heads = [
            pieces.head(host, Markup(findings.get(host.name, "")))  # noqa: S704 -- of escaped pieces
            for host in self._hosts
        ]
        self._tails = [pieces.tail(host) for host in self._hosts]
        self.bytes = _bytes(*self._heads, *self._tails)

    def sections(self, processes: int, detailed: int, room: int | None) -> Iterator[str] | None:
        """The pieces one by one; None where what depends on the room takes more than `room` bytes."""
        if room is not None and (room < 0 or self._rows.least_bytes(processes, detailed) > room):
            return None
        of_hosts = self._rows.sections(processes, detailed)
        shown = [self._pieces.shown(host, of_hosts.get(host.name, NOTHING), detailed) for host in self._hosts]
        if room is not None and _bytes(*shown) > room:
            return None
        return chain.from_iterable(zip(self._heads, shown, self._tails, strict=True))

    def limited(self, processes: int, detailed: int) -> str:
        """The note above the sections where they were cut down."""
        return str(self._pieces.limited(_limited(processes, detailed)))


def _bytes(*pieces: str) -> int:
    return sum(len(piece.encode()) for piece in pieces)


def _limited(processes: int, detailed: int) -> str:
    """The note on a page that shows fewer processes."""
    if (processes, detailed) == DETAIL[0]:
        return ""
    shown = (
        f"the {processes} largest processes per host are shown"
        if processes
        else "no single processes are shown"
    )
    kinds = f", {detailed} of them by kind" if detailed else ""
    return f"To keep this page small {shown}{kinds}. processes.csv and footprints.csv have all of them."


def _environment(report: Report) -> Environment:
    """The templates with the globals of every page, and the function that makes a bar from a row."""
    made = environment()
    css, js = (FOLDER / "report.css").read_text("utf-8"), (FOLDER / "report.js").read_text("utf-8")
    ranked = [row for row in report.hosts if row.rank is not None]
    leave_out = _left_out(report)
    made.globals.update(
        report=report,
        run=report.run,
        totals=report.totals,
        word=verdict.word(report).value,
        late=verdict.late(report),
        tone=_TONES[verdict.word(report)],
        css=Markup(css),  # noqa: S704 -- the package's own file
        js=Markup(js),  # noqa: S704 -- the package's own file
        css_hash=_hash(css),
        js_hash=_hash(js),
        places={row.name: f"h{place}" for place, row in enumerate(report.hosts, start=1)},
        ranked=len(ranked),
        by_stacks=report.by_stacks[: min(STACK_HOSTS_MAX, len(ranked))],
        services=report.services[:SERVICES_MAX],
        compared=bool(report.run.compared_with),
        ranged=doubts.is_told(report),
        host_columns=_headings(HOSTS, _HOST_COLUMNS, leave_out),
        stack_columns=_headings(HOSTS, _STACK_COLUMNS, leave_out),
        service_columns=_headings(SERVICES, _SERVICE_COLUMNS, leave_out),
        process_columns=_headings(PROCESSES, _PROCESS_COLUMNS, leave_out),
        parts=cells.PARTS,
        advice_max=ADVICE_MAX,
        members_max=MEMBERS_A_GROUP_MAX,
        peers_min=PEERS_MIN,
        bar_pixels=cells.BAR_PIXELS,
        words=WORDS,
        doubtful_hosts=doubts.marked(report.hosts),
        doubtful_max=DOUBTFUL_HOSTS_MAX,
        native_span=doubts.span(report.totals.native_range),
        doubt_meaning=doubts.MEANING,
        doubt_remedy=doubts.remedy(report),
        took=_took(report),
    )
    made.filters.update(
        raw=cells.raw,
        share=cells.share,
        of_ram=cells.of_ram,
        of_ram_raw=cells.of_ram_raw,
        median=cells.median,
        largest=cells.largest,
        heap_parts=cells.heap_parts(ranked),
        stack_part=cells.stack_part(ranked),
        sortable=cells.sortable,
        markup=Markup,
        others=cells.others,
        own_sum=cells.own_sum,
        by_labels=cells.by_labels,
    )
    return made


_TONES = {
    verdict.Word.OK: "good",
    verdict.Word.CHANGED: "warn",
    verdict.Word.PARTIAL: "warn",
    verdict.Word.FAILED: "bad",
    verdict.Word.OPEN: "warn",
}
_HOST_COLUMNS = (
    *(
        "rank",
        "name",
        "native_heap_resident_max_bytes",
        "native_heap_range",
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
    *("service", "members", "hosts", "native_heap_resident_max_bytes", "native_heap_range", "growth_bytes"),
    *("native_heap_median_bytes", "native_heap_max_bytes", "peer_excess_bytes", "stacks"),
    *("stacks_resident_max_bytes", "largest_host"),
)
_PROCESS_COLUMNS = (
    *("pid", "comm", "service", "native_heap_resident_max_bytes", "native_heap_range", "growth_bytes"),
    *("bloat_bytes", "rss_bytes", "stacks", "stacks_resident_max_bytes", "stacks_reserved_bytes"),
    "java_heap_resident_max_bytes",
    *("arena_heaps", "threads", "uptime"),
)
_DERIVED = {
    "": Heading("", "", "", is_text=False),
    "native_heap_range": Heading(
        "native_heap_range",
        "By labels",
        "Native heap without its guesses, and with all that can be native heap; empty if these are close",
        is_text=False,
    ),
    "of_ram": Heading("of_ram", "of RAM", "Native heap as a share of MemTotal", is_text=False),
    "largest": Heading(
        "largest", "Largest process", "The process with the largest native heap", is_text=True
    ),
    "most_stacks": Heading("most_stacks", "Most stacks", "The process with the largest stacks", is_text=True),
    "uptime": Heading("uptime", "Up", "How long the process has been running", is_text=False),
}


def _left_out(report: Report) -> frozenset[str]:
    """Columns that would be empty: growth without a run to compare with, ranges where nothing is doubtful."""
    empty = {
        "growth_bytes": not report.run.compared_with,
        "native_heap_range": not doubts.is_told(report),
    }
    return frozenset(name for name, is_empty in empty.items() if is_empty)


def _headings(
    declared: tuple[Column, ...], names: tuple[str, ...], leave_out: frozenset[str]
) -> tuple[Heading, ...]:
    """The heads of a table."""
    wanted = [name for name in names if name not in leave_out]
    return tuple(
        _DERIVED[name] if name in _DERIVED else _heading(*by_name(declared, name)) for name in wanted
    )


def _heading(column: Column) -> Heading:
    return Heading(column.name, column.title, f"{column.meaning} ({column.source})", column.unit is Unit.TEXT)


def _hash(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def _took(report: Report) -> str:
    started, closed = sizes.instant(report.run.started_at), sizes.instant(report.run.closed_at)
    return sizes.duration((closed - started).total_seconds()) if started and closed else ""
