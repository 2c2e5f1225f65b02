"""The kinds of a host or a process: what is left of them on a narrow terminal."""

import polars as pl
import pytest

from mapsweep.host_view.kind_lines import kind_lines
from mapsweep.terminal.terminal import Terminal, cells

MIB = 1 << 20
ROWS = pl.DataFrame(
    {
        "kind": ["java_metaspace", "heap_arena"],
        "block_bytes": [1023 * MIB, 64 * MIB],
        "count": [1_000_000, 83],
        "reserved_bytes": [1023 * MIB, 5300 * MIB],
        "committed_bytes": [1023 * MIB, 789 * MIB],
        "resident_bytes": [None, None],
        "resident_max_bytes": [1023 * MIB, 663 * MIB],
    },
    schema_overrides={"resident_bytes": pl.Int64},
)


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (80, ["kind", "count", "each", "reserved", "committed", "resident"]),
        (60, ["kind", "reserved", "committed", "resident"]),
        (48, ["kind", "committed", "resident"]),
    ],
)
def test_kinds_fit_every_terminal_and_keep_what_is_resident(width: int, titles: list[str]) -> None:
    terminal = Terminal(columns=width, is_tty=True, colour=False, unicode=False, redraws=False)
    lines = list(kind_lines(ROWS, terminal, rows_max=None))
    assert lines[0].split() == titles
    assert max(map(cells, lines)) <= width
