"""Processes whose native heap is far above that of their peers, or far above their own past."""

from typing import Final

import polars as pl

from reports.tables.measures import BLOAT_EXCESS_MIN_BYTES, BLOAT_FACTOR_MIN, NATIVE

CODE: Final = "bloated"
MIB: Final = 2**20
GIB: Final = 2**30
OWN_FACTOR_MIN: Final = 4  # times the least of the last 14 runs: a heap that breathes is no bloat
OWN_EXCESS_MIN_BYTES: Final = 512 * MIB
WARNING_LEAST_BYTES: Final = 256 * MIB  # above the baseline; less is a remark
ROSE_BYTES: Final = 64 * MIB  # since the run compared with: the least growth that can be told

PEER_ADVICE: Final = (
    "Compare it with a member of ordinary size: its age, its load, its settings. A restart gives the memory "
    "back; if it grows again, look for what only this member does."
)
OWN_ADVICE: Final = (
    "See what was deployed or what load came since it was small. If the new size is meant, mute this finding."
)
CONFIRM: Final = (
    "Restart one of them: a leak starts small and grows again; what is needed comes back at once."
)
NOT_SHOWN: Final = (
    "Which part is in use and which is free but kept: malloc_info, mallinfo2 or the runtime's own statistics."
)


def rows(processes: pl.DataFrame) -> pl.DataFrame:
    """The bloated among the processes of some hosts, as ROW; `rose` says that they may be told as grown.

    Above peers: BLOAT_FACTOR_MIN times the median of at least five, and BLOAT_EXCESS_MIN_BYTES above it.
    Above its own past: OWN_FACTOR_MIN times the least of the last 14 runs, and OWN_EXCESS_MIN_BYTES above it.
    """
    native, peer, own = pl.col(NATIVE), pl.col("peer_excess_bytes"), pl.col("own_excess_bytes")
    flagged = processes.with_columns(
        _above_peers(native, peer).fill_null(value=False).alias("_peer"),
        _above_own(native, own).fill_null(value=False).alias("_own"),
    ).filter(pl.col("_peer") | pl.col("_own"))
    excess = pl.when("_peer").then(peer).otherwise(own)
    return flagged.select(
        *("host", "pid", "start_ticks", "comm"),
        pl.lit(CODE).alias("code"),
        _evidence(excess).alias("evidence"),
        pl.when(excess >= WARNING_LEAST_BYTES)
        .then(pl.lit("warning"))
        .otherwise(pl.lit("info"))
        .alias("severity"),
        pl.when("_peer").then(pl.lit(PEER_ADVICE)).otherwise(pl.lit(OWN_ADVICE)).alias("advice"),
        pl.lit(CONFIRM).alias("confirm"),
        pl.lit(NOT_SHOWN).alias("not_shown"),
        pl.lit("").alias("kind"),
        excess.alias("concerns_bytes"),
        "service",
        "exe",
        pl.col("restarted").is_in(("yes", "no")).fill_null(value=False).alias("was_there"),
        (pl.col("anon_growth_bytes") >= ROSE_BYTES).fill_null(value=False).alias("rose"),
        _before(native, excess).alias("before_bytes"),
        pl.col("_peer").alias("by_peers"),
    )


def _above_peers(native: pl.Expr, excess: pl.Expr) -> pl.Expr:
    return (excess >= BLOAT_EXCESS_MIN_BYTES) & (excess * BLOAT_FACTOR_MIN >= native * (BLOAT_FACTOR_MIN - 1))


def _above_own(native: pl.Expr, excess: pl.Expr) -> pl.Expr:
    return (excess >= OWN_EXCESS_MIN_BYTES) & (excess * OWN_FACTOR_MIN >= native * (OWN_FACTOR_MIN - 1))


def _before(native: pl.Expr, excess: pl.Expr) -> pl.Expr:
    """What the same process had above the baseline of today in the run compared with, if that is bloat.

    Null if it is not, or if it was not there. Where the native heaps do not compare, all growth of anonymous
    memory counts as growth of the native heap.
    """
    grown = pl.coalesce("growth_bytes", pl.col("anon_growth_bytes").clip(lower_bound=0))
    was, above = native - grown, excess - grown
    bloated = pl.when("_peer").then(_above_peers(was, above)).otherwise(_above_own(was, above))
    return pl.when((pl.col("restarted") == "no") & bloated).then(above)


def _evidence(excess: pl.Expr) -> pl.Expr:
    """The figures as a sentence."""
    bound = pl.when(pl.col("evidence") == "smaps").then(pl.lit("")).otherwise(pl.lit("at most "))
    than = (
        pl.when("_peer")
        .then(pl.lit("the median of its service is"))
        .otherwise(pl.lit("the least of the last runs was"))
    )
    native = pl.col(NATIVE)
    return pl.format("Native heap {}{}; {} {}.", bound, _scaled(native), than, _scaled(native - excess))


def _scaled(amount: pl.Expr) -> pl.Expr:
    """Bytes as `procmaps.amounts.scaled` says them, of a whole column: MiB or GiB."""
    is_large = amount >= GIB
    value = pl.when(is_large).then(amount / GIB).otherwise(amount / MIB)
    digits = (
        pl.when(value >= 100)
        .then(value.round(0).cast(pl.Int64).cast(pl.String))
        .otherwise(value.round(1).cast(pl.String))
    )
    return pl.format("{} {}", digits, pl.when(is_large).then(pl.lit("GiB")).otherwise(pl.lit("MiB")))
