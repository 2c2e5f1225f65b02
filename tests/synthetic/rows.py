"""The rows of a made fleet, drawn by seed: the tables that classifying gives, of all hosts in one."""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from archive.tables import ARGUMENT_SCHEMA, FINDING_SCHEMA, FOOTPRINT_SCHEMA, PROCESS_SCHEMA
from procmaps.kinds import KIND_BY_LABEL, Family
from reports.findings.growth import ROOMS
from tests.synthetic.programs import APPS, FILES, PROGRAMS, ROLES, ZONES, on_a_host

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

PAGE: Final = 4096
NOW_S: Final = 1_795_064_400.0
MONTH_S: Final = 30 * 86_400
HOSTS_AN_APP: Final = 12
UNREAD_HOSTS: Final = 0.04  # share of hosts where some processes may not be read
UNREAD: Final = 0.3  # of their processes; the others below are shares of all processes
DOUBTED: Final = 0.04
GREW: Final = 0.15
RESTARTED: Final = 0.03
BLOATED: Final = 0.01
SWAPPED: Final = 0.05
SWAPPED_LEAST_MIB: Final = 64
ALARM_EVERY: Final = 499
SMAPS_HOSTS: Final = 0.1
_NATIVE: Final = {label for label, kind in KIND_BY_LABEL.items() if kind.family is Family.NATIVE_HEAP}
_FILES: Final = {*FILES, "loader", "system", "shm"}
_ARENAS_MANY: Final = 12
_FINDINGS: Final = (  # code, severity, evidence, advice
    ("many_arenas", "warning", "{} arena heaps hold at most {} MiB.", "Set MALLOC_ARENA_MAX=2 and restart."),
    ("map_count", "alarm", "{} mappings of 65530 are in use, {} MiB.", "Raise vm.max_map_count."),
    ("swapped", "info", "{} MiB are in swap, {} MiB are resident.", "Memory that is not touched costs swap."),
)


@dataclass(frozen=True, slots=True)
class Rows:
    """The tables of all hosts, sorted by their column `of`, the number of the host."""

    processes: pl.DataFrame
    arguments: pl.DataFrame
    footprints: pl.DataFrame
    findings: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for each process, before there are sizes."""

    names: tuple[str, ...]  # of the hosts
    host: Ints
    program: Ints
    app: Ints  # of the host
    port: Ints
    pid: Ints
    start_ticks: Ints
    is_read: Flags
    is_smaps: Flags
    is_doubted: Flags
    filled: Floats  # the resident part of what is committed
    scale: Floats  # of native heap


_PROGRAMS: Final = tuple(PROGRAMS.values())
_NUMBERS: Final = {name: number for number, name in enumerate(PROGRAMS)}


def draw(hosts: int, processes: int, seed: int) -> Drawn:
    """A fleet of so many hosts that answer, with so many processes each."""
    chance = np.random.default_rng(seed)
    roles = list(ROLES)
    role = chance.integers(0, len(roles), hosts)
    by_role = np.array([[_NUMBERS[name] for name in on_a_host(each, processes)] for each in roles], np.int64)
    app = np.arange(hosts) // HOSTS_AN_APP
    rows, host = hosts * processes, np.repeat(np.arange(hosts), processes)
    return Drawn(
        names=tuple(
            f"{roles[each]}-{place:05d}.{ZONES[place % len(ZONES)]}.example.net"
            for place, each in enumerate(role.tolist(), start=1)
        ),
        host=host,
        program=by_role[role].reshape(-1) if hosts and processes else np.zeros(0, np.int64),
        app=app[host],
        port=chance.integers(1024, 65_536, rows),
        pid=np.cumsum(chance.integers(1, 90, (hosts, processes)), axis=1).reshape(-1),
        start_ticks=chance.integers(100, MONTH_S * 100, rows),
        is_read=(chance.random(hosts) >= UNREAD_HOSTS)[host] | (chance.random(rows) >= UNREAD),
        is_smaps=(chance.random(hosts) < SMAPS_HOSTS)[host],
        is_doubted=chance.random(rows) < DOUBTED,
        filled=chance.uniform(0.25, 0.95, rows),
        scale=np.where(chance.random(rows) < BLOATED, chance.uniform(3, 12, rows), 1.0),
    )


def earlier(now: Drawn, seed: int) -> Drawn:
    """The same fleet some time before: a part of it smaller, a part of it with other processes."""
    chance = np.random.default_rng(seed)
    rows = len(now.host)
    restarted = chance.random(rows) < RESTARTED
    grew = chance.random(rows) < GREW
    return replace(
        now,
        start_ticks=np.where(restarted, np.maximum(now.start_ticks - 50_000, 1), now.start_ticks),
        scale=np.where(grew, now.scale * chance.uniform(0.6, 1.1, rows), now.scale),
    )


def rows_of(drawn: Drawn, seed: int) -> Rows:
    """The tables: sizes are drawn by this seed, so that an earlier run of the same seed has the same ones."""
    blocks = _blocks(drawn, seed)
    resident = blocks["committed_bytes"] * drawn.filled[blocks["row"].to_numpy()] // PAGE * PAGE
    blocks = blocks.with_columns(resident.cast(pl.Int64).alias("resident_bytes"))
    processes = _processes(drawn, _sums(blocks, len(drawn.host)))
    footprints = _bounded(drawn, blocks, processes)
    return Rows(
        processes.select("of", *PROCESS_SCHEMA),
        processes.select("of", *ARGUMENT_SCHEMA),
        footprints.select("of", *FOOTPRINT_SCHEMA),
        _findings(processes).select("of", *FINDING_SCHEMA),
    )


def _blocks(drawn: Drawn, seed: int) -> pl.DataFrame:
    """The sizes of each process: row (its number), kind, block_bytes, count, reserved and committed bytes."""
    chance = np.random.default_rng(seed)
    frames = []
    for number, program in enumerate(_PROGRAMS):
        rows = np.flatnonzero(drawn.program == number)
        for order, part in enumerate(program.parts):
            factor = drawn.scale[rows] if part.kind in _NATIVE else 1.0
            spread = np.exp(chance.normal(0, 0.6, len(rows)))
            count = chance.integers(1, 2 * part.blocks, len(rows)) if part.blocks > 1 else np.ones_like(rows)
            wanted = part.committed_bytes / part.blocks * count * spread * factor
            committed = np.maximum(wanted.astype(np.int64) // PAGE, 1) * PAGE
            least = part.block_bytes * count if part.block_bytes else committed * part.reserved_factor
            frames.append(
                pl.DataFrame(
                    {
                        "row": rows,
                        "order": np.full_like(rows, order),
                        "kind": pl.Series([part.kind]).new_from_index(0, len(rows)),
                        "block_bytes": np.full_like(rows, part.block_bytes),
                        "count": count,
                        "reserved_bytes": np.maximum(least, committed),
                        "committed_bytes": committed,
                    }
                )
            )
    return pl.concat(frames).sort("row", "order")


def _sums(blocks: pl.DataFrame, rows: int) -> pl.DataFrame:
    """What /proc says of each process: vm_size_bytes, and the resident bytes by what they are."""
    kind, resident = pl.col("kind"), pl.col("resident_bytes")
    is_file, is_shared = kind.is_in(_FILES), kind == "shm"
    sums = blocks.group_by("row").agg(
        pl.col("reserved_bytes").sum().alias("vm_size_bytes"),
        resident.filter(~is_file & ~is_shared).sum().alias("rss_anon_bytes"),
        resident.filter(is_file).sum().alias("rss_file_bytes"),
        resident.filter(is_shared).sum().alias("rss_shmem_bytes"),
        resident.filter(kind.is_in(_NATIVE)).sum().alias("native_bytes"),
        pl.col("count").filter(kind == "heap_arena").sum().alias("arenas"),
    )
    return pl.DataFrame({"row": np.arange(rows)}).join(sums, on="row", how="left", maintain_order="left")


def _processes(drawn: Drawn, sums: pl.DataFrame) -> pl.DataFrame:
    """Everything that is known of each process."""
    rows = len(drawn.host)
    chance = np.random.default_rng(rows)
    read, doubted, native = (
        pl.lit(pl.Series(drawn.is_read)),
        pl.lit(pl.Series(drawn.is_doubted)),
        "native_bytes",
    )
    swapped = pl.Series(np.where(chance.random(rows) < SWAPPED, chance.integers(1, 30_000, rows), 0) * PAGE)
    evidence = pl.when(~read).then(pl.lit("denied")).when(pl.lit(pl.Series(drawn.is_smaps)))
    known = sums.with_columns(
        *_texts(drawn),
        pl.Series("of", drawn.host),
        pl.Series("pid", drawn.pid),
        pl.Series("start_ticks", drawn.start_ticks),
        pl.Series("started_at_s", np.round(NOW_S - MONTH_S + drawn.start_ticks / 100, 2)),
        pl.lit(1000, pl.Int64).alias("uid"),
        evidence.then(pl.lit("smaps")).otherwise(pl.lit("maps")).alias("evidence"),
        pl.when(read).then(pl.lit(None, pl.String)).otherwise(pl.lit("denied")).alias("trouble"),
        swapped.alias("swap_bytes"),
        pl.sum_horizontal("rss_anon_bytes", "rss_file_bytes", "rss_shmem_bytes").alias("rss_bytes"),
        pl.when(doubted).then(pl.lit("anonymous or heap_mmap")).alias("largest_guess"),
        *(pl.lit(None, pl.Int64).alias(name) for name in ROOMS),
    )
    present = pl.col("rss_bytes") + pl.col("swap_bytes")
    told = known.with_columns(
        _pages(pl.when(doubted).then(pl.col(native) // 2).otherwise(native)).alias("native_sure_bytes"),
        _pages(pl.when(doubted).then(pl.col(native) // 4).otherwise(0)).alias("native_doubt_bytes"),
        _pages(pl.when(doubted).then(present // 3).otherwise(present // 50)).alias("guessed_bytes"),
        present.alias("present_bytes"),
    )
    unread = ("native_sure_bytes", "native_doubt_bytes", "guessed_bytes", "present_bytes", "largest_guess")
    return told.with_columns(pl.when(read).then(pl.col(name)).alias(name) for name in unread)


def _texts(drawn: Drawn) -> list[pl.Series]:
    """The texts of each process, and its threads."""
    programs, apps = drawn.program.tolist(), [app_of(number) for number in drawn.app.tolist()]
    ports = drawn.port.tolist()
    of_each = [_PROGRAMS[number] for number in programs]
    services = [program.service.format(app=app) for program, app in zip(of_each, apps, strict=True)]
    return [
        pl.Series("comm", [one.comm.format(app=app)[:15] for one, app in zip(of_each, apps, strict=True)]),
        pl.Series("exe", [one.exe.format(app=app) for one, app in zip(of_each, apps, strict=True)]),
        pl.Series("service", services, pl.String),
        pl.Series("unit", services, pl.String),
        pl.Series("container", ["5f0c7a" if one.container else None for one in of_each], pl.String),
        pl.Series("runtime", [one.runtime or None for one in of_each], pl.String),
        pl.Series(
            "arguments",
            [
                one.arguments.format(app=app, port=port)
                for one, app, port in zip(of_each, apps, ports, strict=True)
            ],
            pl.String,
        ),
        pl.Series("threads", [one.threads for one in of_each], pl.Int64),
    ]


def app_of(number: int) -> str:
    """The name of an application: as many differ as there are numbers."""
    turn, place = divmod(number, len(APPS))
    return APPS[place] + (f"-{turn}" if turn else "")


def _bounded(drawn: Drawn, blocks: pl.DataFrame, processes: pl.DataFrame) -> pl.DataFrame:
    """The footprints of the processes that were read: resident bytes where smaps were, otherwise a bound."""
    of = pl.DataFrame(
        {
            "row": np.arange(len(drawn.host)),
            "is_read": drawn.is_read,
            "is_smaps": drawn.is_smaps,
        }
    ).hstack(processes.select("of", "pid", "start_ticks", "rss_anon_bytes", "swap_bytes"))
    committed, most, exact = pl.col("committed_bytes"), pl.col("rss_anon_bytes"), pl.col("is_smaps")
    bound = (
        pl.when(pl.col("kind").is_in(_FILES)).then(committed).otherwise(pl.min_horizontal(committed, most))
    )
    resident = pl.col("resident_bytes")
    return (
        blocks.join(of, on="row", how="left", maintain_order="left")
        .filter("is_read")
        .with_columns(
            pl.when(exact).then(resident).otherwise(bound).alias("resident_max_bytes"),
            pl.when(exact).then(resident).alias("pss_bytes"),
            pl.when(exact).then(0).cast(pl.Int64).alias("swap_bytes"),
        )
        .with_columns(pl.when(exact).then(resident).alias("resident_bytes"))
    )


def _findings(processes: pl.DataFrame) -> pl.DataFrame:
    """Findings of processes with many arenas, of a few by chance, and of what is swapped out."""
    read = processes.filter(pl.col("evidence") != "denied")
    arenas, mib = pl.col("arenas"), pl.col("rss_anon_bytes") // 2**20
    swapped = pl.col("swap_bytes") // 2**20
    full = read.filter(pl.col("start_ticks") % ALARM_EVERY == 0)
    found = (
        (read.filter(arenas >= _ARENAS_MANY), arenas, mib, "heap_arena", pl.col("rss_anon_bytes")),
        (full, pl.lit(61_000) + pl.col("pid") % 4_000, mib, "", pl.lit(None, pl.Int64)),
        (read.filter(swapped >= SWAPPED_LEAST_MIB), swapped, mib, "", pl.col("swap_bytes")),
    )
    frames = [
        rows.select(
            *("of", "pid", "start_ticks", "comm"),
            pl.lit(code).alias("code"),
            pl.lit(severity).alias("severity"),
            pl.format(evidence, first, second).alias("evidence"),
            pl.lit(advice).alias("advice"),
            pl.lit("Look at it again in the next run.").alias("confirm"),
            pl.lit("What the memory is for.").alias("not_shown"),
            pl.lit(kind).alias("kind"),
            concerned.alias("concerns_bytes"),
        )
        for (code, severity, evidence, advice), (rows, first, second, kind, concerned) in zip(
            _FINDINGS, found, strict=True
        )
    ]
    return pl.concat(frames).sort("of", "pid", maintain_order=True)


def _pages(amount: pl.Expr) -> pl.Expr:
    """Whole pages, as the kernel counts memory."""
    return amount // PAGE * PAGE
