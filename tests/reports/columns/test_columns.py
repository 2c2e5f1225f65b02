from pathlib import Path

import pytest

from reports.closing.host_table import HOST_EXTRAS
from reports.columns import column_docs
from reports.columns.column import Column, Unit, names_of, schema_of
from reports.columns.columns import FOOTPRINTS, HOSTS, PROCESSES, SERVICES, TABLES
from reports.rows import HostRow, ServiceRow, field_names
from reports.tables import settled
from reports.tables.settled import IN_PARTS, Settled
from tests.reports import hostile
from tests.reports.fleet import run_of, runs_in

DOCS = Path(__file__).parents[3] / "docs" / "report-columns.md"
ALL = {"hosts": HOSTS, "services": SERVICES, "processes": PROCESSES, "footprints": FOOTPRINTS}


def test_the_page_is_what_the_declarations_say() -> None:
    assert DOCS.read_text("utf-8") == column_docs.page(), (
        "python -m reports.columns.column_docs > docs/report-columns.md"
    )


@pytest.mark.parametrize("columns", TABLES.values(), ids=TABLES)
def test_each_column_is_declared_once_and_sizes_end_in_bytes(columns: tuple[Column, ...]) -> None:
    names = [column.name for column in columns]
    assert len(set(names)) == len(names)
    for column in columns:
        assert (column.unit in {Unit.BYTES, Unit.CHANGE}) == (column.name.rpartition("_")[2] == "bytes")
        assert column.meaning
        assert column.source
        assert "|" not in column.meaning + column.source + column.title


@pytest.mark.parametrize(("columns", "kind"), [(HOSTS, HostRow), (SERVICES, ServiceRow)])
def test_what_a_row_holds_is_declared(columns: tuple[Column, ...], kind: type[HostRow | ServiceRow]) -> None:
    declared = {column.name for column in columns} | set(HOST_EXTRAS if kind is HostRow else ())
    assert field_names(kind) <= declared


def test_the_tables_of_a_run_have_the_declared_columns(tmp_path: Path) -> None:
    tables = Settled(run_of(runs_in(tmp_path), *hostile.fleet()))
    for name, columns in ALL.items():
        found = tables.table(name)
        assert found.columns[:2] == ["run", "scope"]
        assert set(names_of(columns)) <= set(found.columns)
        for column, kind in schema_of(columns).items():
            assert found.schema[column] == kind, (name, column)
    for name in (*IN_PARTS, settled.FLEET, settled.SERVICES):
        assert tables.table(name).columns[:2] == ["run", "scope"]
