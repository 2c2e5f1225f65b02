"""The mappings of a process as a table: equal blocks that follow one another are one line."""

from collections.abc import Iterator
from typing import Final

from mapsweep.host_view.amounts import Column, table_lines, text_column
from mapsweep.terminal.terminal import Style, Terminal
from reports.text.sizes import number, size
from reports.views.mappings import Mappings
from reports.views.one_host import Row

END_NEED_COLUMNS: Final = 110  # of a terminal, for the end of each range and all perms
_NAME_COLUMNS_MIN: Final = 8


def mapping_lines(found: Mappings, terminal: Terminal) -> Iterator[str]:
    """A line per row of `reports.views.mappings`, by address, and what was left out."""
    rows = list(found.rows.iter_rows(named=True))
    is_wide = not terminal.is_tty or terminal.columns >= END_NEED_COLUMNS
    columns = [
        text_column("range" if is_wide else "start", [_range(row, whole=is_wide) for row in rows]),
        text_column("perms", [row["perms"] if is_wide else row["perms"][:4] for row in rows]),
        text_column("kind", [row["kind"] for row in rows]),
        Column("size", [_size(row) for row in rows]),
        Column("committed", [size(row["committed_bytes"], plain=True) for row in rows], need=1),
    ]
    if any(row["resident_bytes"] is not None for row in rows):
        columns.append(Column("resident", [size(row["resident_bytes"], plain=True) for row in rows]))
    columns.append(text_column("name", [_name(row, whole=is_wide) for row in rows], least=_NAME_COLUMNS_MIN))
    heading, *lines = table_lines(columns, terminal)
    yield terminal.styled(heading, Style.FAINT)
    yield from lines
    for row in found.cut.iter_rows(named=True):
        blocks, reserved = number(row["count"]), size(row["reserved_bytes"], plain=True)
        yield f"and {number(row['rows'])} more lines, {blocks} blocks of {reserved}: --all"


def _range(row: Row, *, whole: bool) -> str:
    start = f"{row['start']:08x}"
    return f"{start}-{row['end']:08x}" if whole else start


def _name(row: Row, *, whole: bool) -> str:
    """The name; of a path where there is no room for it, what comes last."""
    name = str(row["name"])
    return name if whole or not name.startswith("/") else name.rpartition("/")[2]


def _size(row: Row) -> str:
    """`37 x 64.0 MiB`, or the size of one block."""
    count = row["count"]
    each = size(row["reserved_bytes"] // max(1, count), plain=True)
    return f"{count:,} x {each}" if count > 1 else each
