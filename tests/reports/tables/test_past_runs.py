"""Growth, restarts and excess of a varied fleet against earlier runs that are read some hosts at a time."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from random import Random
from shutil import copytree, rmtree
from typing import Any, Final

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from archive import tables
from archive.folder import Folder
from archive.run import Run
from archive.runs import Runs
from reports.closing.settle import settle
from reports.tables import settled
from reports.tables.settled import FLEET, PROCESSES, SERVICES, Settled
from reports.tables.trend import SAME_START_S
from tests.reports.fleet import BOOT_S, CLOSED_AT, MIB, RULES, Answered, Process, heap, run_of, runs_in

DAYS: Final = range(18, 21)
TODAY: Final = 21
HOSTS: Final = 23
OF_CHANGES: Final = (settled.CHANGES, settled.CHANGE_COUNTS, settled.HISTORY, settled.HISTORY_RUNS)
SERVICE: Final = ("api.service", "db.service", "cron.service", "")

Row = dict[str, Any]


def day(runs: Runs, number: int, hosts: Iterable[Answered], *, a_part: int, close: bool = True) -> Run:
    return run_of(
        runs,
        *hosts,
        run_id=f"202611{number:02d}T050000Z-prod-0001",
        started_at=f"2026-11-{number:02d}T05:00:00Z",
        hosts_a_part=a_part,
        close=close,
    )


def varied(number: int) -> list[Answered]:
    """The hosts of a day: some come and go, and so do their processes, under the same pids or others."""
    draw = Random(number)
    names = [f"{place:02d}-h" for place in range(HOSTS) if Random(place * 100 + number).random() < 0.8]
    return [Answered(name, tuple(processes(name, draw))) for name in names]


def processes(host: str, draw: Random) -> Iterable[Process]:
    for pid in range(100, 100 + draw.randrange(0, 9)):
        lasting = Random(f"{host}{pid}")
        one = Process(
            pid,
            service=lasting.choice(SERVICE),
            blocks=(heap(draw.randrange(1, 300) * MIB),),
            start_ticks=lasting.choice((10, 20, None)),
            arguments=lasting.choice(("a", "b", "")),
        )
        yield replace(
            one,
            **draw.choice(
                (
                    {},
                    {},
                    {"start_ticks": 4711, "started_at_s": BOOT_S + 999},
                    {"started_at_s": BOOT_S + 42 + draw.choice((1, 59, 61, 3600))},
                    {"started_at_s": None},
                    {"evidence": "denied", "blocks": (), "rss_anon_bytes": None},
                    {"arguments": "another", "start_ticks": 9},
                )
            ),
        )


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The earlier runs, closed in parts of four hosts; to be copied."""
    folder = tmp_path_factory.mktemp("history")
    for number in DAYS:
        day(runs_in(folder), number, varied(number), a_part=4)
    return folder


def rows_of(run: Run) -> list[Row]:
    return list(Settled(run).table(PROCESSES).iter_rows(named=True))


def least_sums(past: list[list[Row]]) -> dict[tuple[str, str], int]:
    """The least native heap of each service on each host that a run saw."""
    least: dict[tuple[str, str], int] = {}
    for rows in past:
        for place, amount in sums_of(rows).items():
            least[place] = min(least.get(place, amount), amount)
    return least


def sums_of(rows: list[Row]) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for row in rows:
        if row["service"] and row["native_heap_resident_max_bytes"] is not None:
            place = row["host"], row["service"]
            sums[place] = sums.get(place, 0) + row["native_heap_resident_max_bytes"]
    return sums


def compared(row: Row, last: list[Row]) -> tuple[int | None, str]:
    """Growth and restart of a process by what the documentation says, from whole tables."""
    then = [each for each in last if each["host"] == row["host"]]
    if not then:
        return None, ""
    for each in then:
        if (each["pid"], each["start_ticks"]) != (row["pid"], row["start_ticks"]) or row[
            "start_ticks"
        ] is None:
            continue
        times = each["started_at_s"], row["started_at_s"]
        if None in times or abs(times[0] - times[1]) < SAME_START_S:
            amounts = row["native_heap_resident_max_bytes"], each["native_heap_resident_max_bytes"]
            return (None if None in amounts else amounts[0] - amounts[1]), "no"
    identity = ("service", "exe", "arguments")
    known = any(all(each[name] == row[name] for name in identity) for each in then)
    return None, "yes" if known else "new"


@pytest.mark.parametrize("a_part", [2, 250])
def test_runs_with_other_parts_and_hosts_are_compared_as_whole_tables_would_be(
    tmp_path: Path, a_part: int
) -> None:
    runs = runs_in(tmp_path)
    past = [rows_of(day(runs, number, varied(number), a_part=number % 4 + 3)) for number in DAYS]
    now = rows_of(day(runs, TODAY, varied(TODAY), a_part=a_part))
    least, sums = least_sums(past), sums_of(now)
    seen = set()
    for row in now:
        said = row["growth_bytes"], row["restarted"]
        assert said == compared(row, past[-1])
        place = row["host"], row["service"]
        alone = sum((each["host"], each["service"]) == place for each in now) == 1
        excess = max(sums[place] - least[place], 0) if place in sums and place in least else None
        assert row["own_excess_bytes"] == (excess if alone else None)
        seen.add((row["restarted"], row["growth_bytes"] is None, row["own_excess_bytes"] is None))
    assert {restarted for restarted, _, _ in seen} == {"", "no", "yes", "new"}
    assert {grown for _, grown, _ in seen} == {own for _, _, own in seen} == {True, False}


def test_the_numbers_do_not_depend_on_the_size_of_a_part(tmp_path: Path, history: Path) -> None:
    of_sizes = []
    for a_part in (1, 5, 250):
        runs = runs_in(copytree(history, tmp_path / str(a_part)))
        tables_ = Settled(day(runs, TODAY, varied(TODAY), a_part=a_part))
        of_sizes.append(
            {name: tables_.table(name) for name in (*settled.IN_PARTS, SERVICES, FLEET, *OF_CHANGES)}
        )
    for others in of_sizes[1:]:
        for name, table in of_sizes[0].items():
            assert_frame_equal(table, others[name])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def gone(path: Path) -> None:
    path.unlink()


def no_file(path: Path) -> None:
    path.unlink()
    path.mkdir()


def mixed(path: Path) -> None:
    path.write_bytes(tables.to_parquet(pl.read_parquet(path).reverse()))


def doubled(path: Path) -> None:
    path.write_bytes(path.with_name("processes-0000.parquet").read_bytes())


@pytest.mark.parametrize("spoil", [cut, gone, no_file, mixed, doubled])
@pytest.mark.parametrize("spoilt", [DAYS[-1], DAYS[0]], ids=["the last", "another"])
def test_a_run_of_which_a_late_part_is_damaged_is_no_baseline_for_any_host(
    tmp_path: Path, history: Path, spoil: Callable[[Path], None], spoilt: int
) -> None:
    with_it, without = (runs_in(copytree(history, tmp_path / name)) for name in ("with", "without"))
    run = with_it.open(f"202611{spoilt}T050000Z-prod-0001")
    rmtree(without.open(run.run_id).url)
    spoil(Path(run.url, "settled", RULES, "processes-0003.parquet"))
    one, other = (Settled(day(runs, TODAY, varied(TODAY), a_part=4)) for runs in (with_it, without))
    for name in (PROCESSES, settled.HOSTS, SERVICES, FLEET):
        assert_frame_equal(one.table(name), other.table(name))
    assert one.table(FLEET)["past_runs"].item() == len(DAYS) - 1


class _Replaced(Runs):
    """Runs of which one is replaced by a reclassification after it was opened for the first time."""

    opened = 0

    def open(self, name: str) -> Run:
        run = super().open(name)
        if run.run_id == f"202611{DAYS[-1]}T050000Z-prod-0001":
            self.opened += 1
            if self.opened == 1:
                return Run(_Gone(run.url), run.manifest)
        return run


class _Gone(Folder):
    """A folder in which the later parts of the old tables are not there any more."""

    def read(self, path: str, limit_bytes: int = 2**30) -> bytes:
        if path.endswith("processes-0003.parquet"):
            raise FileNotFoundError(path)
        return super().read(path, limit_bytes)


def test_a_run_that_is_replaced_while_it_is_read_is_read_again(tmp_path: Path, history: Path) -> None:
    folder = copytree(history, tmp_path / "runs")
    replaced, whole = _Replaced(str(folder)), runs_in(folder)
    run = day(whole, TODAY, varied(TODAY), a_part=4, close=False)
    settle(run, replaced, CLOSED_AT, hosts_a_part=4)
    assert replaced.opened == 2
    path = Path(run.url, "settled", RULES)
    found = {name: (path / name).read_bytes() for name in ("fleet-0000.parquet", "processes-0003.parquet")}
    settle(run, whole, CLOSED_AT, hosts_a_part=4)
    assert found == {name: (path / name).read_bytes() for name in found}


class _Told(Folder):
    """A folder that notes which parts of the processes are read and written."""

    def __init__(self, url: str, told: list[tuple[str, str]]) -> None:
        super().__init__(url)
        self.told = told

    def read(self, path: str, limit_bytes: int = 2**30) -> bytes:
        if "/processes-" in path:
            self.told.append(("read", path[-12:-8]))
        return super().read(path, limit_bytes)

    def replace(self, path: str, content: bytes | Iterable[bytes]) -> None:
        if "/processes-" in path:
            self.told.append(("write", path[-12:-8]))
        super().replace(path, content)


class _ToldRuns(Runs):
    def __init__(self, url: str, told: list[tuple[str, str]]) -> None:
        super().__init__(url)
        self.told = told

    def open(self, name: str) -> Run:
        run = super().open(name)
        return Run(_Told(run.url, self.told), run.manifest)


def test_of_earlier_runs_no_more_is_read_than_the_hosts_at_hand_need(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    same = [Answered(f"h{place}", (Process(1, blocks=(heap(MIB),)),)) for place in range(8)]
    for number in DAYS[-2:]:
        day(runs, number, same, a_part=2)
    run = day(runs, TODAY, same, a_part=2, close=False)
    told: list[tuple[str, str]] = []
    settle(Run(_Told(run.url, told), run.manifest), _ToldRuns(str(tmp_path), told), CLOSED_AT, hosts_a_part=2)
    assert told == [
        step for part in ("0000", "0001", "0002", "0003") for step in [("read", part)] * 2 + [("write", part)]
    ]
