"""Mutes: findings that nobody wants to hear of until a day. They are counted, and expired ones are told."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from typing import Final

import polars as pl

from domain.records import Host, Mute
from reports.columns.column import schema_of
from reports.columns.group_columns import MUTES
from reports.findings.fingerprint import service_key

IN_FORCE, UNMATCHED, EXPIRED = "in force", "unmatched", "expired"
WORSE_FACTOR: Final = 2  # of its size when it was muted: it is told again
WORSE_LEAST_BYTES: Final = 64 * 2**20
ANY: Final = ("*", "all")
_WILD: Final = re.compile(r"[*?\[]")


def muted(
    groups: pl.DataFrame, holders: pl.DataFrame, mutes: Sequence[Mute], hosts: Sequence[Host], today: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The groups with mute_reason, muted_until and muted_bytes, and what became of each mute (MUTES).

    `groups` has fingerprint, code, service, kind, bytes, and muted_bytes of the run before; `today` is the
    ISO date of the run. The first mute that matches counts. A muted finding that has doubled is told again.
    """
    reasons: dict[str, Mute] = {}
    rows: list[tuple[str | int, ...]] = []
    for mute in mutes:
        is_over = today > mute.until
        found = (
            []
            if is_over
            else [each for each in _matching(groups, holders, mute, hosts) if each not in reasons]
        )
        reasons |= dict.fromkeys(found, mute)
        state = EXPIRED if is_over else IN_FORCE if found else UNMATCHED
        rows.append(
            (mute.code, mute.service, mute.hosts, mute.kind, mute.reason, mute.until, state, len(found))
        )
    told = pl.DataFrame(
        [(each, mute.reason, mute.until) for each, mute in reasons.items()],
        schema={"fingerprint": pl.String, "mute_reason": pl.String, "muted_until": pl.String},
        orient="row",
    )
    table = groups.join(told, on="fingerprint", how="left", maintain_order="left")
    return _again(table), pl.DataFrame(rows, schema=schema_of(MUTES), orient="row")


def _again(table: pl.DataFrame) -> pl.DataFrame:
    """Sizes when they were muted; what has doubled since is not muted, and says so."""
    is_muted, size = pl.col("mute_reason").is_not_null(), pl.col("muted_bytes")
    doubled = (
        is_muted
        & (pl.col("bytes") >= size * WORSE_FACTOR).fill_null(value=False)
        & (pl.col("bytes") - size >= WORSE_LEAST_BYTES).fill_null(value=False)
    )
    said = pl.format(
        "muted until {} ({}), and told because it has doubled since", "muted_until", "mute_reason"
    )
    return table.with_columns(
        pl.when(is_muted).then(pl.coalesce("muted_bytes", "bytes")).alias("muted_bytes"),
        pl.when(doubled).then(said).otherwise("rests_on").alias("rests_on"),
        pl.when(is_muted & ~doubled).then("mute_reason").otherwise(pl.lit("")).alias("mute_reason"),
        pl.when(is_muted & ~doubled).then("muted_until").otherwise(pl.lit("")).alias("muted_until"),
    )


def _matching(
    groups: pl.DataFrame, holders: pl.DataFrame, mute: Mute, hosts: Sequence[Host]
) -> Iterator[str]:
    """The fingerprints that a mute matches: all hosts that have the finding must match too."""
    fits = [_pattern(text) for text in (mute.code, mute.kind)]
    service, key = _pattern(mute.service), service_key(mute.service)
    exact = not _WILD.search(mute.service)
    named = [
        fingerprint
        for fingerprint, code, kind, name in groups.select(
            "fingerprint", "code", "kind", "service"
        ).iter_rows()
        if fits[0].fullmatch(code)
        and fits[1].fullmatch(kind)
        and (service.fullmatch(name) or (exact and service_key(name) == key))
    ]
    if mute.hosts in ANY or not named:
        yield from named
        return
    pattern = _pattern(mute.hosts)
    fitting = [
        host.name
        for host in hosts
        if pattern.fullmatch(host.name) or any(pattern.fullmatch(group) for group in host.groups)
    ]
    beyond = holders.filter(
        pl.col("fingerprint").is_in(named)
        & ~pl.col("host").is_in(pl.Series(fitting, dtype=pl.String).implode())
    )["fingerprint"].unique()
    elsewhere = set(beyond)
    yield from (each for each in named if each not in elsewhere)


def _pattern(text: str) -> re.Pattern[str]:
    """A shell pattern, or several with commas between them; `all` is every one."""
    return re.compile(
        "|".join(translate("*" if each.strip() == "all" else each.strip()) for each in text.split(","))
    )
