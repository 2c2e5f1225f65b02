from pathlib import Path

import pytest

from reports import column_docs
from reports.columns import FOOTPRINTS, HOSTS, PROCESSES, SERVICES, Column, Unit
from reports.rows import HostRow, ProcessRow, ServiceRow, field_names

DOCS = Path(__file__).parents[2] / "docs" / "report-columns.md"
ALL = {"hosts": HOSTS, "services": SERVICES, "processes": PROCESSES, "footprints": FOOTPRINTS}


def test_the_page_is_what_the_declarations_say() -> None:
    assert DOCS.read_text("utf-8") == column_docs.page(), (
        "python -m reports.column_docs > docs/report-columns.md"
    )


@pytest.mark.parametrize("columns", ALL.values(), ids=ALL)
def test_each_column_is_declared_once_and_sizes_end_in_bytes(columns: tuple[Column, ...]) -> None:
    names = [column.name for column in columns]
    assert len(set(names)) == len(names)
    for column in columns:
        assert (column.unit in {Unit.BYTES, Unit.CHANGE}) == column.name.endswith("_bytes"), column.name
        assert column.meaning
        assert column.source
        assert "|" not in column.meaning + column.source + column.title


@pytest.mark.parametrize(
    ("columns", "kind"), [(HOSTS, HostRow), (SERVICES, ServiceRow), (PROCESSES, ProcessRow)]
)
def test_what_a_row_holds_is_declared(
    columns: tuple[Column, ...], kind: type[HostRow | ServiceRow | ProcessRow]
) -> None:
    shown_elsewhere = {
        *("shown", "others", "others_native_heap_bytes", "others_stacks_bytes", "kinds", "advice")
    }
    assert field_names(kind) - shown_elsewhere == {column.name for column in columns}
