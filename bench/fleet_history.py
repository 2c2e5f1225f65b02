"""Earlier runs of a made fleet, closed, with the tables that a closing writes, made without classifying."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from archive import tables
from archive.host_names import file_name
from archive.run import Run
from archive.runs import Runs
from bench.fleet_dumps import Grown, container, grow, unit
from bench.fleet_findings import LastFindings, of_recipes
from bench.fleet_manifest import SCOPE, manifest
from bench.fleet_plan import DAY_S, Fleet, HostPlan, Parts, Recipe
from bench.fleet_roles import How
from domain.records import Closed, Host
from procmaps.classify import RULES_VERSION
from reports.closing.fleet_row import fleet_row
from reports.closing.host_table import HOST_EXTRAS, ranked
from reports.closing.settle import HOSTS_A_PART
from reports.columns.column import schema_of
from reports.columns.columns import HOSTS, SERVICES
from reports.findings.codes import CODES
from reports.tables import measures, settled
from reports.tables.measures import NATIVE

RUNS: Final = 14
NEW_EVERY: Final = 97  # one host in so many was not there before
BEFORE_RESTART: Final = 1.02  # of the level that a process had before it was restarted
WAVERING_PART: Final = 0.1  # of the processes: their heap differs from night to night
WAVERING: Final = 0.04  # by so much of it
_SUMMED: Final = (NATIVE, "rss_anon_bytes", "swap_bytes", "anon_growth_bytes")


@dataclass(frozen=True, slots=True)
class _Past:
    """An earlier run that is being written."""

    run: Run
    ago_s: float
    hosts: list[pl.DataFrame]
    services: list[pl.DataFrame]
    findings: LastFindings | None = None  # of the last of them: what the run after it is compared with


def write_earlier(fleet: Fleet, runs: Runs, hosts: Sequence[Host]) -> None:
    """RUNS nightly runs before the fleet's now, the oldest first."""
    kept = [host for place, host in enumerate(hosts) if place % NEW_EVERY]
    past = []
    for back in range(RUNS, 0, -1):
        started = datetime.fromtimestamp(fleet.now_s - back * DAY_S, UTC)
        run = runs.create(manifest(started, kept, f"{back:04x}"))
        past.append(_Past(run, back * DAY_S, [], []))
    rows, found = of_recipes(fleet)
    past[-1] = replace(past[-1], findings=LastFindings(found))
    number_of = {home.name: number for number, home in enumerate(fleet.homes)}
    answered = [host.name for host in kept if not fleet.homes[number_of[host.name]].is_failed]
    answered.sort()
    parts = [answered[at : at + HOSTS_A_PART] for at in range(0, len(answered), HOSTS_A_PART)]
    for part, names in enumerate(parts):
        plans = [fleet.plan(number_of[name]) for name in names]
        _write_part(fleet, plans, rows, past, part)
    for each in past:
        _close(each, len(parts))


def _write_part(
    fleet: Fleet, plans: list[HostPlan], rows: pl.DataFrame, past: list[_Past], part: int
) -> None:
    """The tables of some hosts in all earlier runs."""
    grown = [grow(plan, [fleet.recipes[number] for number in plan.recipe.tolist()]) for plan in plans]
    frame = _processes(fleet, plans, rows)
    level = np.concatenate([plan.level for plan in plans])
    room = np.concatenate([each.room_bytes for each in grown])
    age_s = np.concatenate([plan.age_s for plan in plans])
    leaks = np.array([fleet.recipes[each].leaks for plan in plans for each in plan.recipe.tolist()])
    up_s = np.concatenate([np.full(len(plan.pid), fleet.now_s - plan.boot_s) for plan in plans])
    denied = pl.Series(np.concatenate([plan.is_denied for plan in plans]))
    draw = np.random.default_rng((fleet.seed, part, 3))
    hosts = _hosts(frame.with_columns(_native(frame, grown, level, level, room, denied)))
    recipe = pl.Series("recipe", np.concatenate([plan.recipe for plan in plans]))
    before = level  # of the run before; the oldest one is taken as alike
    was_before = age_s > past[0].ago_s
    for each in past:
        was = age_s > each.ago_s
        again = was & ~was_before
        then = np.where(leaks, level * np.clip(1 - each.ago_s / np.maximum(age_s, 1), 0.01, 1), level)
        wavers = draw.random(len(level)) < WAVERING_PART
        then = np.where(wavers, then * (1 - WAVERING * draw.random(len(level))), then)
        then = np.where(was, then, level * BEFORE_RESTART)
        pids = frame["pid"].to_numpy() - ~was
        ticks = frame["start_ticks"].to_numpy()
        earlier_s = np.where(up_s > each.ago_s, fleet.now_s - up_s + 1, fleet.now_s - each.ago_s - 2 * DAY_S)
        processes = frame.with_columns(
            pl.lit(each.run.run_id).alias("run"),
            pl.Series("pid", pids),
            pl.Series("start_ticks", np.where(was, ticks, 100)),
            pl.Series("started_at_s", np.where(was, frame["started_at_s"].to_numpy(), earlier_s)),
            _native(frame, grown, level, then, room, denied),
            _anon(frame, grown, level, then, room),
            pl.Series("anon_growth_bytes", _steps(then, before, room, ~again)),
            pl.Series("restarted", again).replace_strict({True: "yes", False: "no"}, return_dtype=pl.String),
            recipe,
            pl.Series("level", then),
        ).sort("host", "pid", "start_ticks")
        before, was_before = then, was
        if each.findings is not None:
            each.findings.add(processes)
        processes = processes.drop("recipe", "level")
        each.run.write_settled(settled.PROCESSES, part, tables.to_parquet(processes))
        anew = (pl.col("restarted") == "yes").sum().cast(pl.Int64).alias("restarted")
        sums = processes.group_by("host").agg(pl.col(_SUMMED).sum(), anew)
        others = hosts.drop(*_SUMMED, "restarted").join(sums, left_on="name", right_on="host")
        each.hosts.append(others.select(hosts.columns))
        each.services.append(
            processes.group_by("service").agg(pl.len().alias("members"), pl.col(_SUMMED).sum(), anew)
        )


def _native(
    frame: pl.DataFrame, grown: list[Grown], level: Parts, then: Parts, room: Parts, denied: pl.Series
) -> pl.Expr:
    """The native heap at another level than the dump's."""
    now = frame[NATIVE].to_numpy() + np.concatenate([each.native_bytes for each in grown])
    less = ((level - then) * room).astype(np.int64) // 4096 * 4096
    return pl.when(~denied).then(pl.Series(now - less)).alias(NATIVE)


def _anon(frame: pl.DataFrame, grown: list[Grown], level: Parts, then: Parts, room: Parts) -> pl.Series:
    """RssAnon at another level than the dump's."""
    now = frame["rss_anon_bytes"].to_numpy() + np.concatenate(
        [each.native_bytes + each.java_bytes for each in grown]
    )
    less = ((level - then) * room).astype(np.int64) // 4096 * 4096
    return pl.Series("rss_anon_bytes", np.maximum(now - less, 0))


def _steps(then: Parts, before: Parts, room: Parts, held: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The change since the night before, of processes that were there."""
    return np.where(held, ((then - before) * room).astype(np.int64), 0)


def _processes(fleet: Fleet, plans: list[HostPlan], rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of the processes of some hosts, as if none had grown."""
    counts = [len(plan.pid) for plan in plans]
    names = pl.DataFrame({"host": [plan.home.name for plan in plans], "rows": counts})
    recipe = np.concatenate([plan.recipe for plan in plans])
    boots = np.concatenate([np.full(len(plan.pid), plan.boot_s) for plan in plans])
    ticks = np.concatenate([plan.start_ticks for plan in plans])
    placed = [
        (fleet.recipes[number], instance, plan)
        for plan in plans
        for number, instance in zip(plan.recipe.tolist(), plan.instance.tolist(), strict=True)
    ]
    units = [_unit(*each) for each in placed]
    containers = [
        container(plan, recipe, instance)[:12] if recipe.service.how is How.CONTAINERS else ""
        for recipe, instance, plan in placed
    ]
    return rows[recipe].with_columns(
        names.select(pl.col("host").repeat_by("rows").explode())["host"],
        pl.Series("pid", np.concatenate([plan.pid for plan in plans])),
        pl.Series("start_ticks", ticks),
        pl.Series("started_at_s", np.round(boots + ticks / 100, 2)),
        pl.Series("unit", units),
        pl.Series("container", containers),
    )


def _unit(recipe: Recipe, instance: int, plan: HostPlan) -> str:
    match recipe.service.how:
        case How.CONTAINERS:
            return f"docker-{container(plan, recipe, instance)}.scope"
        case How.SESSIONS:
            return f"session-{instance}.scope"
        case _:
            return unit(recipe, instance)


def _hosts(processes: pl.DataFrame) -> pl.DataFrame:
    """The rows of the hosts of these processes."""
    sums = measures.host_sums(processes).rename({"host": "name"})
    wanted = {**schema_of(HOSTS), **HOST_EXTRAS}
    return sums.with_columns(
        *(
            pl.lit("ok" if name == "status" else "" if kind is pl.String else None, kind).alias(name)
            for name, kind in wanted.items()
            if name not in sums.columns
        )
    ).select(*wanted)


def _close(past: _Past, parts: int) -> None:
    """The rest of the tables of an earlier run, and the record that closes it."""
    run = past.run
    wanted = {**schema_of(HOSTS), **HOST_EXTRAS}
    hosts = ranked(pl.concat(past.hosts).select(*wanted))
    closed = Closed(
        run_id=run.run_id,
        closed_at=run.manifest.started_at,
        asked=hosts.height,
        ok=hosts.height,
        partial=0,
        failed=0,
        complete=True,
        rules_version=RULES_VERSION,
        finding_codes={code.name: code.version for code in CODES},
        results=file_name(RULES_VERSION),
        parts=parts,
        scope=SCOPE.name,
        hosts=SCOPE.hosts,
        started_at=run.manifest.started_at,
        native_heap_resident_max_bytes=int(hosts[NATIVE].sum()),
    )
    for part in range(parts):
        some = hosts.slice(part * HOSTS_A_PART, HOSTS_A_PART)
        run.write_settled(settled.HOSTS, part, tables.to_parquet(_named(run, some)))
    summed = pl.concat(past.services).group_by("service")
    services = summed.agg(pl.col("members", "restarted", *_SUMMED).sum())
    columns = schema_of(SERVICES)
    services = services.with_columns(
        pl.lit("" if kind is pl.String else None, kind).alias(name)
        for name, kind in columns.items()
        if name not in services.columns
    ).select(pl.col(name).cast(kind) for name, kind in columns.items())
    run.write_settled(settled.SERVICES, 0, tables.to_parquet(_named(run, services.sort("service"))))
    fleet = fleet_row(run.manifest, closed, (), hosts)
    run.write_settled(settled.FLEET, 0, tables.to_parquet(_named(run, fleet)))
    if past.findings is not None:
        for name, table in past.findings.tables(run.manifest, hosts).items():
            run.write_settled(name, 0, tables.to_parquet(_named(run, table)))
    run.close(closed)


def _named(run: Run, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.lit(run.run_id).alias("run"), pl.lit(SCOPE.name).alias("scope"), pl.all())
