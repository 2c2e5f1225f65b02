"""What hosts and services do every night is no news: sawtooth, breathing heaps, restarts, batch jobs."""

from pathlib import Path

import numpy as np
import pytest

from reports.changes.noise import STEPS_MIN
from reports.changes.series import Floats, slopes, usual
from tests.reports.changes.nights import app, folder, host, night, restarted, story

MIB = 2**20


def steps(*mib: float) -> Floats:
    return np.array([mib]) * MIB


@pytest.mark.parametrize(
    ("earlier", "rise", "fall"),
    [
        (steps(100, 100, 100, -300, 100, 100, 100, -300), 100, 300),
        (steps(100, 100, 100, 100, 100, 100), 0, 0),  # a leak gives nothing back
        (steps(-100, -100, -100, -100), 0, 0),
        (steps(700, -700, 1, -1, 1), 1, 1),  # what happened once hides nothing
        (steps(500, -500, 500), 0, 0),  # too few of them
        (steps(500, -500, 500, -500), 500, 500),
        (steps(500, -500, np.nan, 500, -500), 500, 500),
    ],
)
def test_what_is_usual(earlier: Floats, rise: int, fall: int) -> None:
    assert [float(found[0]) / MIB for found in usual(earlier)] == [rise, fall]


@pytest.mark.parametrize(
    ("row", "a_day"),
    [
        ((10, 10, 10), 10),
        ((10, 1000, 10), 10 + 0),  # one outlier does not move a median of slopes by much
        ((10, 10), np.nan),  # three runs
        ((10, np.nan, 10), np.nan),  # a restart, and two runs since
        ((np.nan, 5, 5, 5), 5),
    ],
)
def test_a_trend_is_a_median_and_not_read_across_a_restart(row: tuple[float, ...], a_day: float) -> None:
    days = np.arange(len(row) + 1, dtype=np.float64)
    found = float(slopes(np.array([row]), days)[0])
    assert found == pytest.approx(a_day, nan_ok=True) or (1000 in row and found < 510)


def test_a_sawtooth_is_told_until_it_is_known_and_a_leak_always(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 1, host("web1", app()), host("web2", app()))
    told = [
        story(night(runs, 2 + place, host("web1", app(anon_mib=teeth)), host("web2", app(anon_mib=leak))))
        for place, (teeth, leak) in enumerate(
            zip((900, 500, 900, 500, 900, 500), range(700, 1900, 200), strict=True)
        )
    ]
    about = [{line.split()[2] for line in lines if " process " in line} for lines in told]
    assert about[0] == {"web1", "web2"}
    assert about[STEPS_MIN:] == [{"web2"}] * 2


def test_heaps_that_breathe_among_peers_are_not_told_and_one_that_leaks_is(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    then = [host(f"web{place}", app(anon_mib=1000)) for place in range(8)]
    now = [1300, 700, 1350, 650, 1280, 720, 2500, 1000]
    night(runs, 20, *then)
    lines = story(
        night(runs, 21, *(host(f"web{place}", app(anon_mib=size)) for place, size in enumerate(now)))
    )
    assert [line for line in lines if " process " in line] == [
        "grew process web6 api.service heap_main +1500"
    ]


def test_all_that_grow_alike_are_no_breath(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, *(host(f"web{place}", app(anon_mib=1000)) for place in range(8)))
    lines = story(night(runs, 21, *(host(f"web{place}", app(anon_mib=1300)) for place in range(8))))
    assert lines[0] == "grew service api.service heap_main +2400"
    assert len([line for line in lines if " process " in line]) == 8


def test_a_service_that_is_restarted_every_night_is_no_news_and_all_of_it_is(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    names = [f"web{place}" for place in range(6)]

    def fleet(number: int, anew: int) -> list[str]:
        fresh = [restarted(app(), 1000 + number) if place < anew else app() for place in range(6)]
        return story(night(runs, number, *(host(name, one) for name, one in zip(names, fresh, strict=True))))

    told = [fleet(number, 1) for number in range(1, 8)]
    assert told[1] == ["restarted service web0 api.service"]
    assert told[-1] == []
    assert fleet(9, 6) == ["restarted service api.service"]


def test_a_job_that_comes_and_goes_is_no_news(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    job = app(7, 300, service="backup.service")
    nights = [night(runs, day, host("web1", app(), *([job] if day % 2 else []))) for day in range(1, 8)]
    services = [[line for line in story(run) if " service " in line] for run in nights]
    assert services[0] == []
    assert services[1] == ["went service web1 backup.service"]
    assert services[3:] == [[]] * 4
