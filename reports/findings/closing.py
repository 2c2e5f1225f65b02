"""The table of finding groups of a run that is closed, and what the next run needs of it."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from domain.records import Manifest
from reports.columns.column import names_of
from reports.columns.group_columns import CARRIED, GROUPS, GROWING
from reports.findings import growth, muting, titles
from reports.findings.fingerprint import service_key
from reports.findings.gathering import Gathered, Gathering
from reports.findings.last import Last
from reports.findings.rows import MadeBy, Standing
from reports.findings.standing import Today, holders, standing
from reports.findings.unmeasured import Unmeasured
from reports.tables import settled
from reports.tables.severities import SEVERITIES
from reports.tables.status import ANSWERED

GROUPS_MAX: Final = 5000  # fingerprints kept of a run; the last in the order are dropped
LACKING: Final = ("cut_off", "hidden")  # hosts that answered without some of their processes
OWNER: Final = "owner"
_FIRST_CODES: Final = ("grew", "bloated")  # before generic advice
_NEWS: Final = {
    Standing.NEW: 0,
    Standing.WORSE: 0,
    Standing.SAME: 1,
    Standing.UNSEEN: 2,
    Standing.RESOLVED: 3,
}


@dataclass(slots=True)
class Found:
    """Takes the parts of a run that is being closed."""

    last: Last
    _gathering: Gathering
    _unmeasured: Unmeasured
    _rose: list[pl.DataFrame]
    _held: list[pl.DataFrame]

    @classmethod
    def since(cls, last: Last) -> "Found":
        """Nothing yet; what the last run followed is looked for."""
        return cls(last, Gathering(), Unmeasured(last), [], [])

    def add(self, found: pl.DataFrame, processes: pl.DataFrame) -> None:
        """The table of findings of some hosts, and their processes with growth and bloat."""
        rose = growth.risen(processes)
        self._gathering.add(found, processes, self.last.growing, rose)
        self._unmeasured.add(processes)
        self._rose.append(rose)
        if self.last.growing.height:
            self._held.append(growth.held(processes, self.last.growing))

    def tables(
        self, manifest: Manifest, made_by: MadeBy, hosts: pl.DataFrame, changes: "Changed"
    ) -> dict[str, pl.DataFrame]:
        """The settled tables by name. `hosts` are those of the run, with their status and memory."""
        last = self.last
        unread = ~pl.col("status").is_in(ANSWERED) | pl.col("reason").is_in(LACKING)
        today = Today(
            manifest.run_id,
            manifest.started_at,
            made_by,
            hosts["name"],
            hosts.filter(unread)["name"],
            self._unmeasured.pairs(),
        )
        now = growth.Now(manifest.started_at, changes.compared_at, changes.oldest_at, today.unread)
        sizes = pl.concat(self._held) if self._held else pl.DataFrame(schema=_HELD)
        rose = pl.concat(self._rose)
        growing = growth.followed(changes.rows, rose, sizes, last.growing, now)
        room = hosts.select(pl.col("name").alias("host"), "mem_available_bytes", "mem_total_bytes")
        roomy = growth.with_rooms(growing, room, rose, sizes)
        self._gathering.decide(growth.rows(roomy, now, self._gathering.known()), growing)
        found = self._gathering.gathered()
        have = holders(found, last, today)
        stands = standing(found, have, last, today)
        told = _told(found, stands, last, roomy, changes.compared_at)
        owned = told.join(_owners(have, manifest), on="fingerprint", how="left").with_columns(
            pl.col("owner").fill_null("")
        )
        groups, mutes = muting.muted(owned, have, manifest.mutes, manifest.hosts, manifest.started_at[:10])
        ordered = _ordered(groups).head(GROUPS_MAX)
        return {
            settled.FINDING_GROUPS: ordered.select(*names_of(GROUPS), *CARRIED),
            settled.FINDING_HOLDERS: have.sort("fingerprint", "host"),
            settled.FINDING_GROWING: growing.select(*GROWING),
            settled.FINDING_MUTES: mutes,
        }


@dataclass(frozen=True, slots=True)
class Changed:
    """The changes of a run, and the runs that it is compared with."""

    rows: pl.DataFrame  # `reports.columns.change_columns.CHANGES`
    compared_at: str  # start of the last of them; "" if there is none
    oldest_at: str


_HELD: Final = {
    "host": pl.String,
    "pid": pl.Int64,
    "start_ticks": pl.Int64,
    "started_at_s": pl.Float64,
    "now_bytes": pl.Int64,
    **dict.fromkeys(growth.ROOMS, pl.Int64),
}
_WORDS: Final = ("code", "severity", "service", "kind", "title", "advice", "confirm", "not_shown")


def _told(
    found: Gathered, stands: pl.DataFrame, last: Last, growing: pl.DataFrame, compared_at: str
) -> pl.DataFrame:
    """Standings with their words: those of today, or of the last run that had them."""
    live = stands.filter(pl.col("standing").is_in((Standing.NEW, Standing.WORSE, Standing.SAME)))
    first = found.first.group_by("fingerprint", maintain_order=True)
    names = found.names.sort("fingerprint", -pl.col("members"), "service").group_by("fingerprint").first()
    words = (
        live.join(found.groups.select("fingerprint", "code", "key", "kind"), on="fingerprint", how="left")
        .join(names.select("fingerprint", "service"), on="fingerprint", how="left")
        .join(found.services.rename({"processes": "_of"}), on="key", how="left")
        .join(first.first(), on="fingerprint", how="left", suffix="_first")
        .join(first.agg(_member().alias("first")), on="fingerprint", how="left")
    )
    grown = {(row["host"], row["pid"]): row for row in growing.iter_rows(named=True)}
    begun: dict[tuple[str, str], str] = {}
    for row in grown.values():
        of = service_key(row["service"], row["exe"]), row["kind"]
        begun[of] = min(row["base_at"], begun.get(of, row["base_at"]))
    texts = [
        titles.title(
            titles.Told(
                code=row["code"],
                service=row["service"],
                members=row["members"],
                of=row["_of"] or 0,
                bytes=row["bytes"],
                first=row,
                grown=grown.get((row["host"], row["pid"])) if row["code"] == growth.CODE else None,
                base_at=begun.get((row["key"], row["kind"]), ""),
                compared_at=compared_at,
            )
        )
        for row in words.drop("first").iter_rows(named=True)
    ]
    today = words.with_columns(pl.Series("title", texts, pl.String)).select(*stands.columns, *_WORDS, "first")
    others = stands.join(today, on="fingerprint", how="anti").join(
        last.groups.select("fingerprint", *_WORDS, "first"), on="fingerprint", how="left"
    )
    carried = last.groups.select("fingerprint", "muted_bytes")
    together = pl.concat([today, others.select(today.columns)])
    return together.join(carried, on="fingerprint", how="left")


def _member() -> pl.Expr:
    return pl.struct("host", "pid", "comm", pl.col("concerns_bytes").alias("bytes"), "evidence")


def _owners(have: pl.DataFrame, manifest: Manifest) -> pl.DataFrame:
    """Fingerprint and the label `owner` of most of its hosts; of equally many the first by name."""
    labelled = [(host.name, dict(host.labels).get(OWNER, "")) for host in manifest.hosts]
    owners = pl.DataFrame(labelled, schema={"host": pl.String, "owner": pl.String}, orient="row")
    return (
        have.join(owners.filter(pl.col("owner") != ""), on="host", how="inner")
        .group_by("fingerprint", "owner")
        .agg(pl.len().alias("_hosts"))
        .sort("fingerprint", "_hosts", "owner", descending=[False, True, False])
        .group_by("fingerprint", maintain_order=True)
        .agg(pl.col("owner").first())
    )


def _ordered(groups: pl.DataFrame) -> pl.DataFrame:
    """What a reader should see first: told before muted, present before gone; then severity, news and size.

    Growth and bloat come before advice of the same severity and standing.
    """
    news = pl.col("standing").replace_strict(_NEWS, return_dtype=pl.Int64)
    gravity = pl.col("severity").replace_strict(
        {name: place for place, name in enumerate(SEVERITIES)}, default=len(SEVERITIES), return_dtype=pl.Int64
    )
    return groups.sort(
        pl.col("mute_reason") != "",
        news >= _NEWS[Standing.UNSEEN],
        gravity,
        news,
        ~pl.col("code").is_in(_FIRST_CODES),
        -pl.coalesce("bytes", "before_bytes").fill_null(0),
        "fingerprint",
    )
