"""The page as HTML that is read without its script: headline, failures, findings, rankings, short hosts."""

from dataclasses import dataclass
from typing import Final

from jinja2 import Environment
from markupsafe import Markup

from reports import cells, doubts, sizes, verdict
from reports.measures import PEERS_MIN
from reports.page import addresses, assets, heads
from reports.report import Report
from reports.rows import HostRow
from reports.templating import environment
from reports.words import WORDS

TOP_MAX: Final = 50  # hosts and services in each ranking
ADVICE_MAX: Final = 10
DOUBTFUL_HOSTS_MAX: Final = 12  # named at the top


@dataclass(frozen=True, slots=True)
class HostSection:
    """What is said of one host."""

    row: HostRow


def render(report: Report, data: bytes, left_out: list[str]) -> bytes:
    """The whole page in UTF-8, with its data."""
    return _environment(report, data, left_out).get_template("page.html.j2").render().encode()


def _environment(report: Report, data: bytes, left_out: list[str]) -> Environment:
    """The templates with all that they print."""
    made = environment(assets.FOLDER / "templates")
    css, js = assets.style(), assets.script()
    top = report.hosts[:TOP_MAX]
    ranked = [row for row in report.hosts if row.rank is not None]
    empty = _empty(report)
    made.globals.update(
        run=report.run,
        totals=report.totals,
        failures=report.failures,
        advice=report.advice,
        advice_max=ADVICE_MAX,
        word=verdict.word(report).value,
        late=verdict.late(report),
        tone=_TONES[verdict.word(report)],
        css=Markup(css),  # noqa: S704 -- the package's own file
        js=Markup(js),  # noqa: S704 -- the package's own files
        css_hash=assets.csp_hash(css),
        js_hash=assets.csp_hash(js),
        data=Markup(data.decode("ascii")),  # noqa: S704 -- base64
        hosts=top,
        sections=[HostSection(row) for row in top],
        by_stacks=report.by_stacks[: min(TOP_MAX, len(ranked))],
        services=report.services[:TOP_MAX],
        services_count=len(report.services),
        ranged=doubts.is_told(report),
        host_columns=heads.of_hosts(empty),
        stack_columns=heads.of_stacks(empty),
        service_columns=heads.of_services(empty),
        process_columns=heads.of_processes(empty),
        parts=cells.PARTS,
        peers_min=PEERS_MIN,
        bar_pixels=cells.BAR_PIXELS,
        words=WORDS,
        doubtful_hosts=doubts.marked(report.hosts),
        doubtful_max=DOUBTFUL_HOSTS_MAX,
        native_span=doubts.span(report.totals.native_range),
        doubt_meaning=doubts.MEANING,
        doubt_remedy=doubts.remedy(report),
        took=took(report),
        left_out=left_out,
    )
    made.filters.update(
        raw=cells.raw,
        share=cells.share,
        of_ram=cells.of_ram,
        median=cells.median,
        largest=cells.largest,
        heap_parts=cells.heap_parts(ranked),
        stack_part=cells.stack_part(ranked),
        by_labels=cells.by_labels,
        host_id=addresses.host_id,
        host_address=addresses.host,
        process_address=addresses.process,
        service_address=addresses.service,
        kind_address=addresses.kind,
    )
    return made


_TONES: Final = {
    verdict.Word.OK: "good",
    verdict.Word.CHANGED: "warn",
    verdict.Word.PARTIAL: "warn",
    verdict.Word.FAILED: "bad",
    verdict.Word.OPEN: "warn",
}


def _empty(report: Report) -> frozenset[str]:
    """Columns that would be empty: growth without a run to compare with, ranges where nothing is doubtful."""
    empty = {
        "growth_bytes": not report.run.compared_with,
        "native_heap_range": not doubts.is_told(report),
    }
    return frozenset(name for name, is_empty in empty.items() if is_empty)


def took(report: Report) -> str:
    """How long the run took, or "" if it has not ended."""
    started, closed = sizes.instant(report.run.started_at), sizes.instant(report.run.closed_at)
    return sizes.duration((closed - started).total_seconds()) if started and closed else ""
