"""What a made fleet consists of: its hosts, their processes, and how far these have grown, by a seed."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.fleet_roles import BASE, DOMAIN, PRODUCTS, ROLES, SITES, SYSTEMS, Role, Service
from bench.fleet_templates import Template, recorded, renamed

DAY_S: Final = 86_400.0
TICKS_A_S: Final = 100
HOSTS_A_PRODUCT: Final = 25
PROCESSES_SPREAD: Final = 0.2  # more or fewer than asked for
FAILED_PART, CUT_PART, DENIED_PART = 0.012, 0.004, 0.02  # of the hosts; of DENIED_PART some processes
LEAKING_PART: Final = 0.03  # of the services
AGE_MEAN_DAYS: Final = 9.0
FIRST_PID: Final = 400
PIDS_MAX: Final = 4_000_000
OF_PROCESSES: Final = (  # the fields of HostPlan with one entry per process
    *("recipe", "instance", "pid", "start_ticks", "age_s", "level", "java_level", "is_denied"),
)

Numbers = npt.NDArray[np.int64]
Parts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A service of a product: what its processes are made from."""

    number: int
    service: Service
    name: str  # of the unit or the container, without instance and suffix
    template: Template
    maps: bytes
    argv: tuple[bytes, ...]
    comm: bytes
    uid: int
    leaks: bool


@dataclass(frozen=True, slots=True)
class Home:
    """Where a host belongs, known without looking at its processes."""

    name: str
    address: str
    product: str
    role: Role
    is_failed: bool


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A host and its processes, one entry each; levels are parts of the room that their heaps have."""

    home: Home
    recipe: Numbers
    instance: Numbers  # of the processes of a service on the host, from 1
    pid: Numbers
    start_ticks: Numbers
    age_s: Parts
    level: Parts  # of the native heap
    java_level: Parts
    is_denied: npt.NDArray[np.bool_]
    is_cut: bool
    boot_s: float
    release: str
    system: str
    cores: int
    boot_id: str
    number: int  # a seed of its own, for what is drawn later

    def only(self, is_kept: npt.NDArray[np.bool_]) -> "HostPlan":
        """The host with some of its processes."""
        return replace(self, **{name: getattr(self, name)[is_kept] for name in OF_PROCESSES})


class Fleet:
    """A fleet of `hosts` hosts with about `processes` processes each; equal arguments give equal fleets."""

    def __init__(self, hosts: int, processes: int, seed: int, now_s: float) -> None:
        self.hosts, self.processes, self.seed, self.now_s = hosts, processes, seed, float(int(now_s))
        self.recipes: list[Recipe] = []
        draw = Random(f"fleet {seed}")
        self._products = PRODUCTS[: max(3, min(len(PRODUCTS), hosts // HOSTS_A_PRODUCT))]
        self._of_product = [1 / (place + 2) for place in range(len(self._products))]
        self._recipes_of = {
            (product, role.name): self._recipes(product, role, draw)
            for product in self._products
            for role in ROLES
        }

    @cached_property
    def homes(self) -> tuple[Home, ...]:
        """All hosts, in the order of their numbers."""
        draw = Random(f"homes {self.seed}")
        numbers: dict[str, int] = {}
        homes = []
        for number in range(self.hosts):
            (product,) = draw.choices(self._products, self._of_product)
            (role,) = draw.choices(ROLES, [role.share for role in ROLES])
            group = f"{product}-{role.name}-{draw.choice(SITES)}"
            numbers[group] = numbers.get(group, 0) + 1
            name = f"{group}-{numbers[group]:03}.{DOMAIN}"
            address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            homes.append(Home(name, address, product, role, draw.random() < FAILED_PART))
        return tuple(homes)

    def plan(self, number: int) -> HostPlan:
        """The host of this number with its processes."""
        home = self.homes[number]
        draw = np.random.default_rng((self.seed, number))
        recipe = self._chosen(home, draw)
        count = len(recipe)
        sizes = np.bincount(recipe, minlength=len(self.recipes))
        order = np.argsort(recipe, kind="stable")
        recipe = recipe[order]
        instance = np.concatenate([np.arange(1, size + 1) for size in sizes[sizes > 0]])
        uptime_s = math.floor(DAY_S * draw.uniform(3, 200))
        is_base = np.array([self.recipes[each].service in BASE for each in recipe.tolist()])
        since_boot_s = draw.uniform(5, 90, count)
        age_s = np.where(
            is_base & (draw.random(count) < 0.9),
            uptime_s - since_boot_s,
            np.minimum(draw.exponential(AGE_MEAN_DAYS * DAY_S, count), uptime_s - since_boot_s),
        )
        start_ticks = ((uptime_s - age_s) * TICKS_A_S).astype(np.int64)
        pid = FIRST_PID + np.argsort(np.argsort(start_ticks, kind="stable"), kind="stable") * 3
        pid = (pid + start_ticks // 700) % PIDS_MAX + 1
        pid = _distinct(pid)
        pid[np.argmin(start_ticks)] = 1  # as on every host
        level = np.minimum(np.exp(draw.normal(-3.5, 1.1, count)), 0.95)
        leaks = np.array([self.recipes[each].leaks for each in recipe.tolist()])
        level = np.where(leaks, np.minimum(level * (0.2 + age_s / (5 * DAY_S)), 0.97), level)
        shares = [share for _, _, share in SYSTEMS]
        release, system, _ = SYSTEMS[int(draw.choice(len(SYSTEMS), p=shares))]
        is_shy = draw.random() < DENIED_PART
        return HostPlan(
            home=home,
            recipe=recipe,
            instance=instance,
            pid=pid,
            start_ticks=start_ticks,
            age_s=uptime_s - start_ticks / TICKS_A_S,
            level=level,
            java_level=draw.uniform(0, 0.6, count),
            is_denied=(draw.random(count) < 0.1) & is_shy,
            is_cut=bool(draw.random() < CUT_PART),
            boot_s=self.now_s - uptime_s,
            release=release,
            system=system,
            cores=int(2 ** draw.integers(1, 7)),
            boot_id="-".join(draw.bytes(size).hex() for size in (4, 2, 2, 2, 6)),
            number=number,
        )

    def _chosen(self, home: Home, draw: np.random.Generator) -> Numbers:
        """The recipes of its processes: what all hosts of the role have, then what fills it."""
        own = self._recipes_of[home.product, home.role.name]
        count = max(1, round(self.processes * draw.uniform(1 - PROCESSES_SPREAD, 1 + PROCESSES_SPREAD)))
        fixed = [each.number for each in own for _ in range(each.service.count)][:count]
        many = [each for each in own if each.service.share]
        parts = np.array([each.service.share for each in many])
        parts *= draw.uniform(0.5, 1.5, len(many))
        rest = draw.choice(
            np.array([each.number for each in many]), size=count - len(fixed), p=parts / parts.sum()
        )
        return np.concatenate([np.array(fixed, np.int64), rest])

    def _recipes(self, product: str, role: Role, draw: Random) -> list[Recipe]:
        found = []
        for service in (*role.services, *BASE):
            recipe = self._recipe(product, service, draw)
            found.append(recipe)
        return found

    def _recipe(self, product: str, service: Service, draw: Random) -> Recipe:
        """A recipe of its own for each product, unless the service has one name everywhere."""
        name = service.name.format(product)
        chosen = draw.choice(service.templates)
        if "{}" not in service.name:
            chosen = service.templates[0]
            for each in self.recipes:
                if each.service is service:
                    return each
        template = recorded()[chosen]
        path = (service.path or _own_path(template.exe, name)).format(product).encode()
        template = renamed(template, path)
        recipe = Recipe(
            number=len(self.recipes),
            service=service,
            name=name,
            template=template,
            maps=b"".join(template.lines),
            argv=_argv(template, name.rstrip("@")),
            comm=template.comm if not service.path else path.rpartition(b"/")[2][:15],
            uid=0 if service in BASE else 1000 + len(self.recipes) % 60,
            leaks=draw.random() < LEAKING_PART and service not in BASE,
        )
        self.recipes.append(recipe)
        return recipe


def _own_path(exe: bytes, name: str) -> str:
    """Programs that were written to be recorded get the name of their service."""
    plain = name.rstrip("@")
    return f"/opt/{plain}/{plain}" if exe.startswith((b"/opt/zoo/", b"/var/tmp/")) else exe.decode()


def _argv(template: Template, name: str) -> tuple[bytes, ...]:
    """The command line: that of the recording, with a program of its own where an interpreter runs one."""
    program = name.encode()
    first, *others = template.argv
    base = first.rpartition(b"/")[2]
    if b" " in first:
        return template.argv
    if base.startswith(b"java"):
        options = [each for each in others if each.startswith(b"-X")]
        return first, *options, b"-jar", b"/opt/%s/%s.jar" % (program, program), b"--port=8080"
    for interpreter, suffix in ((b"python", b"py"), (b"node", b"js"), (b"ruby", b"rb"), (b"php", b"php")):
        if base.startswith(interpreter):
            return first, b"/opt/%s/%s.%s" % (program, program, suffix)
    return (first, b"--config", b"/etc/%s.conf" % program)


def _distinct(pids: Numbers) -> Numbers:
    """Each number once: those that are taken move up."""
    order = np.argsort(pids, kind="stable")
    ordered = pids[order]
    moved = np.maximum.accumulate(ordered - np.arange(len(pids))) + np.arange(len(pids))
    result = np.empty_like(pids)
    result[order] = moved
    return result
