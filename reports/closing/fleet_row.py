"""One row for the run: what it was, how it ended, and the sums over its hosts."""

from typing import Final

import polars as pl

from domain.records import Closed, Manifest
from reports.tables.asker import asker_cells
from reports.tables.measures import LEAST, MOST, NATIVE, sum_any
from reports.tables.past_runs import PastRun
from reports.tables.status import ANSWERED

_EXTENTS: Final = ("native_heap", "stacks", "java_heap")
_SUMS: Final = (
    "stacks",
    "threads",
    "rss_bytes",
    "swap_bytes",
    "mem_total_bytes",
    "growth_bytes",
    "bloat_bytes",
    "doubtful",
    "guessed_bytes",
    "present_bytes",
)


def fleet_row(
    manifest: Manifest, closed: Closed, past_runs: tuple[PastRun, ...], hosts: pl.DataFrame
) -> pl.DataFrame:
    """The run in one row; `past_runs` are those it was compared with, oldest first."""
    last = past_runs[-1] if past_runs else None
    facts: dict[str, str | int | bool] = {
        "run_id": manifest.run_id,
        "hosts": manifest.scope.hosts,
        "evidence": manifest.scope.evidence,
        "become": manifest.scope.become,
        "due_at": manifest.due_at,
        "started_at": manifest.started_at,
        "closed_at": closed.closed_at,
        "asked": closed.asked,
        "ok": closed.ok,
        "partial": closed.partial,
        "failed": closed.failed,
        "tool_version": manifest.tool_version,
        "rules_version": closed.rules_version or "several",
        "command": manifest.command,
        **asker_cells(manifest.asker),
        "become_hosts": sum(host.become for host in manifest.hosts),
        "host_key_policy": manifest.host_key_policy,
        "arguments": manifest.arguments,
        "compared_with": last.run_id if last else "",
        "compared_at": last.started_at if last else "",
        "past_runs": sum(each.has_same_rules for each in past_runs),  # those that own_excess_bytes uses
    }
    answered = hosts.filter(pl.col("status").is_in(ANSWERED))
    read = answered.filter(pl.col(NATIVE).is_not_null())
    sums = pl.concat(
        [
            read.select(
                *(each for name in _EXTENTS for each in _extent(name)),
                *(_if_all(name) for name in (LEAST, MOST)),
            ),
            answered.select(
                *(sum_any(pl.col(name)).alias(name) for name in _SUMS),
                pl.col("sent").sum(),
                pl.col("denied").sum(),
            ),
        ],
        how="horizontal",
    )
    return sums.select(*(pl.lit(value).alias(name) for name, value in facts.items()), pl.all())


def _extent(name: str) -> list[pl.Expr]:
    """The four sizes of a measure over hosts; resident is known only if it is known for each host."""
    others = ("resident_max_bytes", "committed_bytes", "reserved_bytes")
    return [
        *(sum_any(pl.col(f"{name}_{size}")).alias(f"{name}_{size}") for size in others),
        _if_all(f"{name}_resident_bytes"),
    ]


def _if_all(name: str) -> pl.Expr:
    """The sum over hosts; null as soon as one of them does not know."""
    amounts = pl.col(name)
    return pl.when((amounts.null_count() == 0) & (amounts.len() > 0)).then(amounts.sum()).alias(name)
