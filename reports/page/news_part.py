"""The tables of a page that tell what changed, what was found, and what the last runs were."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.page import fields
from reports.page.container import Packed, pack
from reports.page.news import News, history
from reports.page.room import Part, Room, counted

# At most this share of the bytes that are left when its turn comes.
_CHANGES: Final = 0.08
_GROUPS: Final = 0.08
_MEMBERS: Final = 0.05
HISTORY_SHARE: Final = 0.1
_BITS: Final = (14, 9)  # how exact the last runs are kept: as exact as there is room for


@dataclass(frozen=True, slots=True)
class NewsPart:
    """The tables, and how much of what there is they have."""

    tables: dict[str, Packed]
    parts: dict[str, Part]
    history_hosts: int  # rows of hosts of this run in the table of the last runs; they come first
    history_services: int  # then these


def fill(news: News, hosts: pl.Series, services: pl.Series, room: Room) -> NewsPart:
    """As much of the news as there is room for; `hosts` and `services` are those of the page."""
    changes, packed_changes = room.fit(
        _CHANGES,
        news.changes.height,
        lambda count: news.changes.head(count).select(fields.CHANGES_TABLE.names),
        fields.CHANGES_TABLE.bases,
    )
    groups, packed_groups = room.fit(_GROUPS, news.groups.height, news.groups.head, fields.GROUPS_TABLE.bases)
    members = news.members.filter(pl.col("_group") < groups)
    named, packed_members = room.fit(
        _MEMBERS, members.height, lambda count: members.head(count).select(fields.OF_MEMBERS)
    )
    counts = counted(members["_group"].head(named), groups).alias("named")
    rows, packed_history = _history(news, hosts, services, room)
    return NewsPart(
        tables={
            "changes": packed_changes,
            "groups": packed_groups.beside(pack(counts.to_frame())),
            "members": packed_members,
            "history": packed_history,
        },
        parts={
            "changes": Part(changes, news.changes_of),
            "groups": Part(groups, news.groups_of),
            "history": Part(rows, hosts.len() + services.len() if news.history.height else 0),
        },
        history_hosts=min(rows, hosts.len()),
        history_services=min(max(0, rows - hosts.len()), services.len()),
    )


def _history(news: News, hosts: pl.Series, services: pl.Series, room: Room) -> tuple[int, Packed]:
    """The last runs of as many hosts and services as there is room for, as exact as it can be."""
    bases = fields.history_bases(news.runs.height)
    if not news.history.height:
        return 0, pack(pl.DataFrame())
    for bits in _BITS:
        table = history(news, hosts, services, bits)
        if whole := room.whole(HISTORY_SHARE, table, bases):
            return table.height, whole
    return room.fit(HISTORY_SHARE, table.height, table.head, bases)
