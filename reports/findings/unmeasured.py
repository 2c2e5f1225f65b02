"""Who may have a finding that this run cannot tell: hosts that answered, but not what it is measured by.

A process whose mappings may not be read any more has no finding about them. One that lost its baseline (its
peers are gone or cannot be read, or the earlier runs have other rules) is not bloated. Neither resolves
anything.
"""

from typing import Final

import polars as pl

from reports.findings import bloated
from reports.findings.codes import BY_STATUS
from reports.findings.fingerprint import fingerprint
from reports.findings.gathering import with_keys
from reports.findings.last import Last
from reports.tables.measures import BLOAT_EXCESS_MIN_BYTES, NATIVE

PAIRS: Final = {"fingerprint": pl.String, "host": pl.String}
_DENIED: Final = pl.col("evidence") == "denied"
_SORT: Final = ("code", "kind")
_LACKS: Final = ("denied", "no_peers", "no_own")  # per host and service: of one of its processes at least


class Unmeasured:
    """Takes the hosts in parts, and keeps the pairs of findings and hosts that nothing can be said of."""

    def __init__(self, last: Last) -> None:
        had = last.holders.join(last.groups.select("fingerprint", *_SORT), on="fingerprint", how="inner")
        self._had = had.filter(~pl.col("code").is_in(BY_STATUS)).select(*PAIRS, *_SORT, "by_peers")
        self._sorts = self._had.select(_SORT).unique().rows()
        self._found = [pl.DataFrame(schema=PAIRS)]

    def add(self, processes: pl.DataFrame) -> None:
        """The processes of some hosts, with growth and bloat."""
        size = pl.coalesce(NATIVE, "rss_anon_bytes")
        large = (size >= BLOAT_EXCESS_MIN_BYTES).fill_null(value=True)
        lacking = (
            processes.join(self._had.select("host").unique(), on="host", how="semi")
            .select(
                *("host", "service", "exe"),
                _DENIED.alias("denied"),
                (large & pl.col("peer_excess_bytes").is_null()).alias("no_peers"),
                (large & pl.col("own_excess_bytes").is_null()).alias("no_own"),
            )
            .filter(pl.any_horizontal(_LACKS))
        )
        if lacking.is_empty():
            return
        services = with_keys(lacking).group_by("host", "key").agg(pl.col(_LACKS).any())
        names = [
            (key, fingerprint(code, key, kind))
            for key in services["key"].unique().to_list()
            for code, kind in self._sorts
        ]
        prints = pl.DataFrame(names, schema=("key", "fingerprint"), orient="row")
        both = services.join(prints, on="key", how="inner").join(self._had, on=list(PAIRS), how="inner")
        by_peers = pl.col("by_peers").fill_null(value=True)  # a run of an older mapsweep does not say
        baseline = pl.when(by_peers).then("no_peers").otherwise("no_own")
        lost = pl.when(pl.col("code") == bloated.CODE).then(baseline).otherwise("denied")
        self._found.append(both.filter(lost).select(*PAIRS))

    def pairs(self) -> pl.DataFrame:
        """PAIRS of all that was added."""
        return pl.concat(self._found)
