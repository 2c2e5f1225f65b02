"""Pools of a made fleet: services whose workers become more and fewer with the load, from night to night."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bench.fleet_plan import OF_PROCESSES, TICKS_A_S, HostPlan, Recipe

SERVICES: Final = ("php-fpm", "postgresql@", "{}-render", "{}-edge", "{}-warmer")
WORKERS: Final = 8  # on a host, at the usual load ...
WORKERS_MIN, WORKERS_MAX = 2, 20
OF_FLEET, OF_HOST = 0.25, 0.2  # deviations of the logarithm of the load: of a service, of one of its hosts
LEVEL_MEAN, LEVEL_DEVIATION = -3.5, 1.1  # of the logarithm of a level, as in bench.fleet_plan
_FIRST_PID: Final = 900_000


class Loads:
    """How many workers each pool has on each host, by night."""

    def __init__(self, recipes: Sequence[Recipe], seed: int) -> None:
        self._recipes, self._seed = recipes, seed

    def workers(self, plan: HostPlan, night: int) -> tuple[int, int]:
        """The recipe of the pool of a host, and how many workers it has; (-1, 0) if it has no pool."""
        recipe = _pool_of(plan, self._recipes)
        if recipe < 0:
            return recipe, 0
        common = np.random.default_rng((self._seed, recipe, night, 6)).normal(0, OF_FLEET)
        own = np.random.default_rng((self._seed, plan.number, night, 7)).normal(0, OF_HOST)
        return recipe, int(np.clip(round(WORKERS * np.exp(common + own)), WORKERS_MIN, WORKERS_MAX))


def is_of_pool(recipe: Recipe) -> bool:
    """Whether the processes of a recipe are workers of a pool."""
    return recipe.service.name in SERVICES and bool(recipe.service.share) and not recipe.leaks


def with_pool(plan: HostPlan, recipes: Sequence[Recipe], seed: tuple[int, ...]) -> HostPlan:
    """The host with all workers that its pool ever has; they are its last processes.

    What lies behind the last worker that is at work can so be left out, and no other process differs by it.
    """
    recipe = _pool_of(plan, recipes)
    if recipe < 0:
        return plan
    draw = np.random.default_rng(seed)
    workers = plan.recipe == recipe
    first = int(np.argmax(workers))
    order = np.concatenate([np.flatnonzero(~workers), np.flatnonzero(workers)])
    more = max(0, WORKERS_MAX - int(workers.sum()))
    columns: dict[str, Any] = {
        name: np.concatenate([column[order], np.repeat(column[first], more)])
        for name in OF_PROCESSES
        for column in (getattr(plan, name),)
    }
    if more:
        up_s = float(plan.age_s[first] + plan.start_ticks[first] / TICKS_A_S)
        columns["age_s"][-more:] = draw.uniform(60, plan.age_s[first], more)
        columns["start_ticks"][-more:] = ((up_s - columns["age_s"][-more:]) * TICKS_A_S).astype(np.int64)
        columns["pid"][-more:] = _FIRST_PID + np.arange(more)
        columns["level"][-more:] = np.minimum(np.exp(draw.normal(LEVEL_MEAN, LEVEL_DEVIATION, more)), 0.95)
    return replace(plan, **columns)


def at_work(plan: HostPlan, loads: Loads, night: int) -> npt.NDArray[np.bool_]:
    """Which processes of a host there are on a night: of its pool the first ones, and all others."""
    recipe, workers = loads.workers(plan, night)
    is_worker = plan.recipe == recipe
    return np.asarray(~is_worker | (np.cumsum(is_worker) <= workers), np.bool_)


def _pool_of(plan: HostPlan, recipes: Sequence[Recipe]) -> int:
    """The recipe of the pool of a host, -1 if it has none; of several the one with the most workers."""
    counts = np.bincount(plan.recipe, minlength=len(recipes))
    pools = [number for number in np.flatnonzero(counts).tolist() if is_of_pool(recipes[number])]
    return max(pools, key=lambda number: (counts[number], -number), default=-1)
