"""`make bench-nights`: nights of a made fleet, from dumps to findings: what was planted is told as new, once.

    python -m bench.nights --hosts 1000 --processes 20 --nights 14 --seed 1

Healthy processes breathe, are restarted and deployed anew; pools of workers follow the load in number; hosts
reboot and fail. Whatever is told as new of them after the first night is false news.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from multiprocessing import get_context
from typing import Final

import click
import numpy as np
import numpy.typing as npt
import polars as pl

from archive.run import Run
from archive.runs import Runs, open_run
from bench.fleet_dumps import dump, grow
from bench.fleet_history import WAVERING, WAVERING_PART
from bench.fleet_manifest import manifest
from bench.fleet_plan import DAY_S, TICKS_A_S, Fleet, HostPlan, Numbers, Parts
from bench.fleet_pools import Loads, at_work, is_of_pool, with_pool
from bench.fleet_roles import BASE, How
from bench.measure import Figure
from domain.records import Failure, Host, Stage
from reports.closing.settle import settle
from reports.findings.rows import FindingGroup, Standing
from reports.report import report
from reports.tables import settled
from workers.life.host_steps import classify_host

HOSTS, PROCESSES, NIGHTS, SEED = 1_000, 20, 14, 1
FALSE_NEWS_MAX: Final = 24
FAILING, REBOOTING, RESTARTING = 0.005, 0.02, 0.02  # a night: of the hosts, the hosts, the processes
RESTLESS_EVERY: Final = 20  # one service in so many has another size each night, as batch jobs do ...
RESTLESS_BREATH: Final = 0.4  # ... with this deviation of its logarithm
PLANTED: Final = 12
PLANTED_BYTES: Final = 500 * 2**20
FIRST_PLANTED: Final = 2  # the night of the first one
HOSTS_A_TASK: Final = 25
LARGE_PIDS: Final = 1_000_000  # of processes that began later than the fleet


@dataclass(frozen=True, slots=True)
class Plant:
    """A process that grows on one night, and stays so or goes on growing."""

    night: int
    host: int
    process: int
    service: str
    name: str  # of the host
    pid: int
    level: float  # by which it grows
    goes_on: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What a night told."""

    night: int
    groups: tuple[FindingGroup, ...]


class Story:
    """The fleet of each night; equal arguments give equal nights."""

    def __init__(self, hosts: int, processes: int, seed: int, nights: int) -> None:
        self._sizes, self._seed, self._nights = (hosts, processes), seed, nights
        self._first = datetime.now(UTC).replace(microsecond=0) - timedelta(days=nights - 1)
        self._fleet = Fleet(hosts, processes, seed, self._first.timestamp())
        self._plans = {
            number: with_pool(self._fleet.plan(number), self._fleet.recipes, (seed, number, 5))
            for number, home in enumerate(self._fleet.homes)
            if not home.is_failed
        }
        self._bases = dict(self._plans)
        self._loads = Loads(self._fleet.recipes, seed)
        self._at_work = {number: at_work(plan, self._loads, 0) for number, plan in self._plans.items()}
        self.plants = tuple(self._planted())

    def tell(self, runs: Runs) -> Iterator[Told]:
        """The nights, one after the other, each closed beside those before it."""
        with ProcessPoolExecutor(max(1, (os.cpu_count() or 1)), get_context("spawn")) as pool:
            for night in range(self._nights):
                run = self._night(night, runs, pool)
                run.close(settle(run, runs, run.manifest.started_at))
                if not night:
                    self.plants = tuple(_with_services(run, self.plants, self._plans))
                yield Told(night, report(run).findings)

    def _night(self, night: int, runs: Runs, pool: ProcessPoolExecutor) -> Run:
        chance = np.random.default_rng((self._seed, night, 4))
        moment = self._first + timedelta(days=night)
        fleet = Fleet(*self._sizes, self._seed, moment.timestamp())
        if night:
            self._live(night, fleet.now_s, chance)
        homes = self._fleet.homes
        run = runs.create(manifest(moment, [Host(home.name, home.address) for home in homes], f"{night:04x}"))
        failing = chance.random(len(homes)) < FAILING
        at = run.manifest.started_at
        sent = []
        for number, home in enumerate(homes):
            if home.is_failed or (failing[number] and all(each.host != number for each in self.plants)):
                why = (Stage.TCP, "tcp_timeout", "no answer within 10 s", "")
                run.write_failure(Failure(home.name, *why, attempt=1, at=at))
            else:
                sent.append(self._plans[number].only(self._at_work[number]))
        arguments = (*self._sizes, self._seed, fleet.now_s)
        tasks = [sent[at : at + HOSTS_A_TASK] for at in range(0, len(sent), HOSTS_A_TASK)]
        for task in [pool.submit(_sent, run.url, arguments, night, plans) for plans in tasks]:
            task.result()
        return run

    def _live(self, night: int, now_s: float, chance: np.random.Generator) -> None:
        """What happens to each host in a day."""
        deployed = int(chance.integers(0, len(self._fleet.recipes)))
        for number, plan in self._plans.items():
            grown = [each for each in self.plants if each.host == number]
            base = self._bases[number]
            count = len(plan.pid)
            level = base.level * np.exp(chance.normal(0, RESTLESS_BREATH, count) * _restless(plan.recipe))
            level *= _wavered(count, chance)
            java_level = base.java_level * _wavered(count, chance)
            were = self._at_work[number]
            self._at_work[number] = at_work(plan, self._loads, night)
            is_new = (chance.random(count) < RESTARTING) | (plan.recipe == deployed) | ~were
            boot_s, boot_id = plan.boot_s, plan.boot_id
            if chance.random() < REBOOTING and not grown:
                boot_s, is_new = now_s - DAY_S * float(chance.uniform(0.1, 0.9)), np.ones(count, np.bool_)
                boot_id = f"{night:08x}{plan.boot_id[8:]}"
            for each in grown:
                is_new[each.process] = False
                since = night - each.night
                if since >= 0:
                    level[each.process] += each.level * (1 + 0.2 * since * each.goes_on)
            up_s = now_s - boot_s
            begun = (np.maximum(up_s - chance.uniform(0.01, 0.9, count) * min(up_s, DAY_S), 1)) * TICKS_A_S
            start_ticks = np.where(is_new, begun, plan.start_ticks).astype(np.int64)
            pid = np.where(is_new, LARGE_PIDS + night * 10_000 + np.arange(count), plan.pid)
            self._plans[number] = replace(
                plan,
                pid=pid,
                start_ticks=start_ticks,
                age_s=up_s - start_ticks / TICKS_A_S,
                level=np.minimum(level, 0.97),
                java_level=java_level,
                boot_s=boot_s,
                boot_id=boot_id,
            )

    def _planted(self) -> Iterator[Plant]:
        """Processes of services of their own with room to grow in."""
        seen: set[str] = set()
        last = max(FIRST_PLANTED + 1, self._nights - 2)
        for number in sorted(self._plans):
            plan = self._plans[number]
            recipes = [self._fleet.recipes[each] for each in plan.recipe.tolist()]
            room = grow(plan, recipes).room_bytes
            for process, recipe in enumerate(recipes):
                level = PLANTED_BYTES / max(float(room[process]), 1)
                is_fit = recipe.service not in BASE and recipe.service.how is How.UNIT
                fits = float(plan.level[process]) + level < 0.6 and not plan.is_denied[process]
                if not is_fit or not fits or plan.is_cut or recipe.name in seen or len(seen) >= PLANTED:
                    continue
                if _restless(plan.recipe[process]) or is_of_pool(recipe):
                    continue
                seen.add(recipe.name)
                night = FIRST_PLANTED + len(seen) % (last - FIRST_PLANTED)
                pid, name = int(plan.pid[process]), plan.home.name
                yield Plant(night, number, process, recipe.name, name, pid, level, goes_on=len(seen) % 2 == 0)
                break


def _with_services(run: Run, plants: tuple[Plant, ...], plans: dict[int, HostPlan]) -> Iterator[Plant]:
    """The plants with their services as a report names them."""
    hosts = [plans[plant.host].home.name for plant in plants]
    rows = settled.Settled(run).table(
        settled.PROCESSES, ("host", "pid", "service"), pl.col("host").is_in(hosts)
    )
    named = {(host, pid): service for host, pid, service in rows.iter_rows()}
    for plant in plants:
        plan = plans[plant.host]
        yield replace(plant, service=named[plan.home.name, int(plan.pid[plant.process])])


def _sent(url: str, arguments: tuple[int, int, int, float], night: int, plans: list[HostPlan]) -> None:
    """Have some hosts send, and be classified. Runs in a process beside."""
    os.fsync = lambda fd: None  # noqa: ARG005 # what is made can be made again
    fleet, run = _released(arguments, night // 2), open_run(url)
    for plan in plans:
        run.write_dump(dump(fleet, plan))
        classify_host(run, plan.home.name)


def _restless(recipe: Numbers) -> npt.NDArray[np.bool_]:
    return np.equal(recipe % RESTLESS_EVERY, 3)


def _wavered(count: int, chance: np.random.Generator) -> Parts:
    """By what the levels of healthy processes differ from their own, as in the earlier runs of a fleet."""
    return 1 - WAVERING * chance.random(count) * (chance.random(count) < WAVERING_PART)


@lru_cache(maxsize=1)
def _released(arguments: tuple[int, int, int, float], release: int) -> Fleet:
    """The fleet with a release of its own programs on their command lines."""
    fleet = Fleet(*arguments)
    fleet.recipes = [replace(each, argv=(*each.argv, b"--release=4.%d" % release)) for each in fleet.recipes]
    return fleet


@dataclass(frozen=True, slots=True)
class News:
    """A finding that a night told as new."""

    night: int
    group: FindingGroup


@dataclass(frozen=True, slots=True)
class Outcome:
    """What all nights told."""

    plants: tuple[Plant, ...]
    first_night: int  # findings of the first night, which has nothing to compare with
    news: tuple["News", ...]  # of the nights after it
    changed_since: int  # findings whose first night changed while they stood

    def of_plant(self, plant: Plant) -> list[int]:
        """The nights on which its growth was told as new."""
        return [
            one.night
            for one in self.news
            if one.group.code == "grew"
            and any((each.host, each.pid) == (plant.name, plant.pid) for each in one.group.first)
        ]

    @property
    def false_news(self) -> tuple["News", ...]:
        """What was told of the healthy part, above `info`."""
        planted = {plant.service for plant in self.plants}
        return tuple(one for one in self.news if one.group.service not in planted)


def told_by(hosts: int, processes: int, seed: int, nights: int, url: str) -> Outcome:
    """Make the nights in a folder of runs; what they told."""
    story, first, changed = Story(hosts, processes, seed, nights), 0, 0
    news: list[News] = []
    since: dict[str, str] = {}
    for told in story.tell(Runs(url)):
        new = [each for each in told.groups if each.standing == Standing.NEW and each.severity != "info"]
        for each in told.groups:
            stands = each.standing in {Standing.SAME, Standing.WORSE}
            changed += stands and since.get(each.fingerprint, each.since_at) != each.since_at
            since[each.fingerprint] = each.since_at
        if told.night:
            news += [News(told.night, each) for each in new]
        else:
            first = len(new)
    return Outcome(story.plants, first, tuple(news), changed)


def figures(outcome: Outcome) -> Iterator[Figure]:
    """What is held to bounds."""
    once = sum(outcome.of_plant(plant) == [plant.night] for plant in outcome.plants)
    yield Figure("nights_first_night_findings", outcome.first_night, "findings")
    yield Figure("nights_planted", len(outcome.plants), "findings")
    yield Figure("nights_not_told_once", len(outcome.plants) - once, "findings", 0)
    yield Figure("nights_false_news", len(outcome.false_news), "findings", FALSE_NEWS_MAX)
    yield Figure("nights_first_night_changed", outcome.changed_since, "findings", 0)


@click.command()
@click.option("--hosts", default=HOSTS, show_default=True)
@click.option("--processes", default=PROCESSES, show_default=True, help="Of a host, more or less.")
@click.option("--nights", default=NIGHTS, show_default=True)
@click.option("--seed", default=SEED, show_default=True)
def main(hosts: int, processes: int, nights: int, seed: int) -> None:
    """Print what the nights of a made fleet told, against the bounds."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = told_by(hosts, processes, seed, nights, folder)
    for plant in outcome.plants:
        print(f"planted on night {plant.night}: {plant.service}, told as new on {outcome.of_plant(plant)}")
    for one in outcome.false_news:
        print(f"night {one.night}: {one.group.code} {one.group.kind}: {one.group.title}")
    found = list(figures(outcome))
    for figure in found:
        print(figure.line())
    sys.exit(any(figure.at_most is not None and figure.value > figure.at_most for figure in found))


if __name__ == "__main__":
    main()
