"""What `mapsweep top` prints: a ranking of a run as a table with bars, or as rows for programs."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from archive.run import Run
from domain.mistakes import Mistake, OperatorError
from mapsweep.host_view.amounts import Column, known, process_name, table_lines, text_column
from mapsweep.run_words import run_words
from mapsweep.tabular import JSON, PLAIN, document, filled, rows_in
from mapsweep.terminal.prose import prose
from mapsweep.terminal.terminal import Style, Terminal, visible
from reports.columns.column import size as size_column
from reports.columns.columns import HOSTS, SERVICES
from reports.tables import settled
from reports.tables.measures import NATIVE, STACKS
from reports.tables.settled import Settled
from reports.text.sizes import growth, number, size
from reports.views import top
from reports.views.one_host import Row

_WORDS: Final = {
    "native-heap": "native heap",
    "java-heap": "Java heap",
    "rss": "RSS",
    "anon": "anonymous memory and swap",
    "growth": "growth of native heap",
}
_ANON: Final = size_column(
    "anon_bytes", "Anon", "status RssAnon + VmSwap", "Resident anonymous memory and swap"
)
_DECLARED: Final = {
    settled.PROCESSES: top.PROCESS_COLUMNS,
    settled.SERVICES: SERVICES,
    settled.HOSTS: HOSTS,
}
_RUN: Final = ("run_id", "scope", "hosts", "evidence", "started_at", "closed_at")
_BOUNDED: Final = {NATIVE: "native_heap", STACKS: "stacks", "java_heap_resident_max_bytes": "java_heap"}
_NAME_COLUMNS_MIN: Final = 28  # what is cut more cannot be told apart
_COMPARED_MAX: Final = 2_000  # services, the largest, compared with one that the run does not have
_NEAR_MAX: Final = 3
_FIRST: Final = {"native-heap": "native heap", "java-heap": "Java heap", "rss": "RSS", "anon": "anon + swap"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command."""

    table: str  # processes, services or hosts
    order: str  # of reports.views.top.ORDERS
    limit: int
    service: str  # "": all
    form: str  # of mapsweep.tabular.FORMATS


def shown(run: Run, asked: Asked, terminal: Terminal) -> Iterator[str]:
    """The lines. OperatorError if the run is open, or for a measure that the table does not have."""
    if asked.order not in (orders := top.orders(asked.table)):
        problem = f"{asked.order} is not known of {asked.table}"
        raise OperatorError(Mistake("--by", problem, f"choose {', '.join(orders[:-1])} or {orders[-1]}"))
    tables = Settled(run)
    where = pl.col("service") == asked.service if asked.service else None
    ranked, count = top.ranking(tables, asked.table, asked.order, asked.limit, where)
    if asked.service and not count:
        raise OperatorError(
            Mistake("--service", f"no process of {run.run_id} has it", _other_services(tables, asked.service))
        )
    if asked.form == PLAIN:
        yield from _lines(tables, ranked, count, asked, terminal)
        return
    columns = (*_DECLARED[asked.table], *((_ANON,) if "anon_bytes" in ranked.rows.columns else ()))
    if asked.form != JSON:
        yield from rows_in(asked.form, ranked.rows, columns)
        return
    ((fleet),) = tables.table(settled.FLEET).iter_rows(named=True)
    about = {
        name: fleet[name] for name in ("run_id", "scope", "hosts", "evidence", "started_at", "closed_at")
    }
    yield document(
        {
            "run": about,
            "table": asked.table,
            "by": asked.order,
            "count": count,
            "ranked": ranked.of,
            "rows": filled(ranked.rows.iter_rows(named=True)),
        }
    )


def _other_services(tables: Settled, typed: str) -> str:
    """Services with a name like the one that the run does not have, and the command that lists the others."""
    services = tables.table(settled.SERVICES, ("service",))["service"]
    near = difflib.get_close_matches(typed, services.head(_COMPARED_MAX), _NEAR_MAX)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{meant}`mapsweep top services --run {tables.run.run_id}` lists the largest"


def _lines(tables: Settled, ranked: top.Top, count: int, asked: Asked, terminal: Terminal) -> Iterator[str]:
    rows = list(ranked.rows.iter_rows(named=True))
    of = f" of {visible(asked.service)}" if asked.service else ""
    by = _WORDS.get(asked.order, asked.order)
    what = f"{number(len(rows))} of {number(count)} {asked.table}{of} by {by}"
    for line in prose(f"{run_words(tables)}: {what}", terminal):
        yield terminal.styled(line, Style.STRONG)
    if not rows and _is_dead(tables.run):
        yield from prose("no host answered, so nothing is known of their processes", terminal, "  ")
        return
    if not rows:
        yield from prose(f"none has any {by}, or it is not known", terminal, "  ")
        return
    column = top.ORDERS[asked.order]
    most = max(1, *(row[column] for row in rows))
    heading, *lines = table_lines(
        _columns(asked, rows, column), terminal, [max(0, row[column]) / most for row in rows]
    )
    yield terminal.styled(heading, Style.FAINT)
    yield from lines
    unranked = f"{number(count - ranked.of)} without a known figure" if count > ranked.of else ""
    if ranked.of > len(rows):
        more = f"and {number(ranked.of - len(rows))} more: add -n {min(ranked.of, 100_000)} to see them"
        yield "; ".join(filter(None, (more, unranked)))
    elif unranked:
        yield unranked


def _is_dead(run: Run) -> bool:
    """Whether hosts were asked, and none answered."""
    closed = run.closed()
    return closed is not None and closed.is_dead


def _columns(asked: Asked, rows: Sequence[Row], column: str) -> list[Column]:
    """Who, the measure that is ranked by, and what else there is room for."""
    asked_for = Column(_FIRST.get(asked.order, asked.order), [_cell(row, column) for row in rows])
    others = [
        Column(title, [_cell(row, name) for row in rows], need=need)
        for title, name, need in (
            ("native heap", NATIVE, 2),
            ("growth", "growth_bytes", 1),
            ("stacks", STACKS, 5),
            ("RSS", "rss_bytes", 4),
            ("threads", "threads", 6),
        )
        if name != column and name in rows[0]
    ]
    return [*_names(asked, rows), asked_for, *others]


def _names(asked: Asked, rows: Sequence[Row]) -> list[Column]:
    if asked.table == settled.HOSTS:
        return [text_column("host", [row["name"] for row in rows], least=_NAME_COLUMNS_MIN, is_whole=True)]
    if asked.table == settled.SERVICES:
        return [
            text_column("service", [row["service"] for row in rows], least=_NAME_COLUMNS_MIN, is_whole=True),
            Column("members", [number(row["members"], plain=True) for row in rows]),
            Column("hosts", [number(row["hosts"], plain=True) for row in rows], need=7),
        ]
    targets = [f"{row['host']}/{row['pid']}" for row in rows]  # as `mapsweep show` takes it
    names = [text_column("host/pid", targets, least=_NAME_COLUMNS_MIN, is_whole=True)]
    names.append(text_column("name", [process_name(row) for row in rows], least=8))
    if not asked.service:
        names.append(text_column("service", [row["service"] for row in rows], least=16, need=3))
    return names


def _cell(row: Row, column: str) -> str:
    """A figure as people read it; growth of a restarted process is no figure."""
    if measure := _BOUNDED.get(column):
        return known(row, measure)
    if column == "growth_bytes":
        state = row.get("restarted")  # of a process a word, of a host how many
        if isinstance(state, int) and state and not row[column]:
            return "restarted"
        return {"yes": "restarted", "new": "new"}.get(str(state), growth(row[column], plain=True))
    return number(row[column], plain=True) if column == "threads" else size(row[column], plain=True)
