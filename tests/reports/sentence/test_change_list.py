"""One line for one piece of news."""

from reports.changes.rows import Change, ChangeCount, ChangeRow, Subject
from reports.sentence.change_list import short_list
from tests.changes_made import changes_of, compared, grew, row
from tests.mapsweep.reports_made import GIB, MIB, fleet, host

FLEET = fleet([host("app-01", GIB, rank=1)])


def wide(subject: Subject, name: str, by_bytes: int) -> ChangeRow:
    """A service or a host that grew."""
    names = {"service": name} if subject is Subject.SERVICE else {"host": name}
    return row(Change.GREW, subject, **names, change_bytes=by_bytes)


def told(*rows: ChangeRow, rows_max: int = 20, beyond: tuple[ChangeCount, ...] = ()) -> list[str]:
    """What the list tells, in its order; a last ... if there is more."""
    found = short_list(compared(FLEET, changes_of(*rows, beyond=beyond)), rows_max)
    names = [f"{each.subject} {each.host or each.service}" for each in found.rows]
    return [*names, "..."] if found.is_cut else names


def test_a_process_tells_for_its_service_and_its_host() -> None:
    rows = (
        wide(Subject.SERVICE, "a", 100 * MIB),
        grew("h1", "a", 100 * MIB),
        wide(Subject.HOST, "h1", 130 * MIB),
    )
    assert told(*rows) == ["process h1"]


def test_what_its_processes_do_not_explain_is_told_of_a_host() -> None:
    rows = (grew("h1", "a", 100 * MIB), wide(Subject.HOST, "h1", 201 * MIB))
    assert told(*rows) == ["host h1", "process h1"]  # the larger one first, as the sentence does
    assert told(rows[0], wide(Subject.HOST, "h1", 200 * MIB)) == ["process h1"]


def test_a_service_that_grew_as_a_whole_is_told_with_its_largest_process() -> None:
    rows = (
        grew("h2", "a", 110 * MIB),
        grew("h1", "a", 100 * MIB),
        grew("h3", "b", 90 * MIB),
        wide(Subject.SERVICE, "a", 900 * MIB),
    )
    assert told(*rows) == ["service a", "process h2", "process h3"]


def test_growth_does_not_explain_a_decrease() -> None:
    rows = (grew("h1", "a", 100 * MIB), row(Change.SHRANK, Subject.SERVICE, service="a", change_bytes=-GIB))
    assert told(*rows) == ["process h1", "service a"]


def test_what_has_no_size_is_always_told() -> None:
    rows = [row(change, Subject.HOST, change.value) for change in Change]
    assert told(*rows)[1:] == [f"host {change}" for change in Change][1:]
    assert told() == []


def test_more_than_there_is_room_for_is_said() -> None:
    rows = [row(Change.WENT, Subject.HOST, f"h{place}") for place in range(3)]
    assert told(*rows, rows_max=3) == ["host h0", "host h1", "host h2"]
    assert told(*rows, rows_max=2) == ["host h0", "host h1", "..."]
    beyond = (ChangeCount("went", "host", 1, None),)
    assert told(*rows, rows_max=3, beyond=beyond)[-1] == "..."
    assert told(beyond=beyond) == ["..."]
