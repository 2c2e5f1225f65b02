"""Makes the dumps of a fleet, as its hosts would have sent them. Addresses and sizes differ per process."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from bench.fleet_plan import Fleet, HostPlan, Numbers, Recipe
from bench.fleet_roles import How
from bench.fleet_templates import (
    ARENA_BYTES,
    EXECUTABLE,
    GROUPS,
    LIBRARIES,
    PAGE_BYTES,
    RANDOM,
    RANDOM_END,
    STACK,
    WIDE,
    Template,
)
from domain.records import Dump

LIBRARIES_END: Final = 0x7FF000000000  # what lies below the stacks ends at most here
LIBRARIES_RANGE_BYTES: Final = 2**40  # the kernel draws 28 bits of page numbers
EXECUTABLES_BEGIN: Final = 0x555555554000
STACKS_BEGIN: Final = 0x7FFC00000000
STACKS_RANGE_BYTES: Final = 2**33
HUGE_PAGE_BYTES: Final = 2**21
RANDOM_STEP_BYTES: Final = 2**30
GZIP: Final = 31  # window bits
FASTEST: Final = 1
DIGITS: Final = 12
WIDTH: Final = 2 * DIGITS + 1  # of an address, a dash and an address
NOWHERE: Final = -1  # of mappings that are not sent
TOUCHED: Final = 1.3  # RAM in multiples of what the processes hold
_HEX: Final = np.array([b"%04x" % number for number in range(2**16)], "S4")


@dataclass(frozen=True, slots=True)
class Grown:
    """How far boundaries of the processes of a host have moved, and by how much the processes are larger."""

    line: Numbers  # of the host's mappings
    next_line: Numbers
    bytes_: Numbers
    native_bytes: Numbers  # of each process
    java_bytes: Numbers
    room_bytes: Numbers  # that the native heap of a process grows by per level


def dump(fleet: Fleet, plan: HostPlan) -> Dump:
    """The dump of a host."""
    recipes = [fleet.recipes[number] for number in plan.recipe.tolist()]
    draw = np.random.default_rng((fleet.seed, plan.number, 1))
    nonce = draw.bytes(16).hex().encode()
    grown = grow(plan, recipes)
    memory = _memory(plan, recipes, grown, nonce, draw)
    if plan.is_cut:
        memory = memory[: len(memory) * 2 // 3]
    identity = b"".join(_identity(plan, recipes, nonce))
    return Dump(
        host=plan.home.name,
        nonce=nonce.decode(),
        memory=isal_zlib.compress(memory, FASTEST, GZIP),
        identity=isal_zlib.compress(identity, FASTEST, GZIP),
        at=datetime.fromtimestamp(fleet.now_s, UTC).isoformat(timespec="seconds"),
        elapsed_s=round(float(draw.uniform(0.2, 3)), 2),
        complete=not plan.is_cut,
        problem="the host stopped sending in the middle" if plan.is_cut else "",
    )


def grow(plan: HostPlan, recipes: list[Recipe]) -> Grown:
    """The boundaries of the host's processes at their levels."""
    counts = np.array([len(recipe.template.elastic.line) for recipe in recipes])
    elastics = [recipe.template.elastic for recipe in recipes]
    lines = np.array([len(recipe.template.start) for recipe in recipes])
    first = np.repeat(np.cumsum(lines) - lines, counts)
    process = np.repeat(np.arange(len(recipes)), counts)
    line = np.concatenate([each.line for each in elastics]) + first
    next_line = np.concatenate([each.next_line for each in elastics])
    next_line = np.where(next_line >= 0, next_line + first, -1)
    pages = np.concatenate([each.pages for each in elastics])
    step = np.concatenate([each.step_pages for each in elastics])
    is_java = np.concatenate([each.is_java for each in elastics])
    share = np.random.default_rng((plan.number, 2)).uniform(0.5, 1, len(line))
    level = np.where(is_java, plan.java_level[process], plan.level[process])
    moved = (level * share * pages).astype(np.int64) // step * step * PAGE_BYTES

    def of_processes(amounts: npt.NDArray[np.float64]) -> Numbers:
        return np.bincount(process, amounts, len(recipes)).astype(np.int64)

    return Grown(
        line=line,
        next_line=next_line,
        bytes_=moved,
        native_bytes=of_processes(np.where(is_java, 0, moved)),
        java_bytes=of_processes(np.where(is_java, moved, 0)),
        room_bytes=of_processes(np.where(is_java, 0, share * pages * PAGE_BYTES)),
    )


def _memory(
    plan: HostPlan, recipes: list[Recipe], grown: Grown, nonce: bytes, draw: np.random.Generator
) -> bytes:
    """The memory part in plain text."""
    templates = [recipe.template for recipe in recipes]
    lines = np.array([len(template.start) for template in templates])
    start, end = _placed(templates, lines, grown, draw)
    pieces: list[bytes] = []
    places: list[Numbers] = []
    at = 0
    for recipe, head, pid, is_denied in zip(
        recipes, _heads(plan, recipes, grown, nonce), plan.pid.tolist(), plan.is_denied.tolist(), strict=True
    ):
        mark = b"%s%s %s %d\n" % (head, nonce, b"denied" if is_denied else b"maps", pid)
        maps = b"" if is_denied else recipe.maps
        places.append(np.where(is_denied, NOWHERE, recipe.template.places + at + len(mark)))
        pieces += (mark, maps, b"\n")
        at += len(mark) + len(maps) + 1
    text = bytearray(b"".join((*pieces, *_facts(plan, recipes, grown, nonce))))
    has_grown = np.zeros(len(start), np.bool_)
    has_grown[grown.line] = has_grown[grown.next_line] = True
    where = np.concatenate(places)
    is_wide, is_sent = start >= WIDE, where != NOWHERE
    _write_wide(text, *(column[is_wide & is_sent] for column in (where, start, end)))
    narrow = ~is_wide & is_sent & has_grown  # all others stay where they are
    _write_narrow(text, *(column[narrow].tolist() for column in (where, start, end)))
    return bytes(text)


def _placed(
    templates: list[Template], lines: Numbers, grown: Grown, draw: np.random.Generator
) -> tuple[Numbers, Numbers]:
    """Where the mappings of all processes start and end, at addresses of their own."""
    moved = _moved(templates, draw)
    group = np.concatenate([template.moves for template in templates])
    shift = moved[np.repeat(np.arange(len(templates)), lines), group]
    start = np.concatenate([template.start for template in templates]) + shift
    end = np.concatenate([template.end for template in templates]) + shift
    end[grown.line] += grown.bytes_
    has_next = grown.next_line >= 0
    start[grown.next_line[has_next]] += grown.bytes_[has_next]
    return start, end


def _moved(templates: list[Template], draw: np.random.Generator) -> Numbers:
    """By how much each group of mappings of each process is moved; boundaries of arenas stay boundaries."""
    count = len(templates)
    lowest = np.array([template.lowest for template in templates])
    highest = np.array([template.highest for template in templates])
    moved = np.zeros((count, GROUPS), np.int64)

    def to(group: int, first: Numbers, step_bytes: int) -> None:
        moved[:, group] = (first - lowest[:, group]) // step_bytes * step_bytes

    room = np.maximum(RANDOM_END - WIDE - (highest - lowest)[:, RANDOM] - RANDOM_STEP_BYTES, 1)
    to(RANDOM, WIDE + RANDOM_STEP_BYTES + draw.integers(0, room), RANDOM_STEP_BYTES)
    to(EXECUTABLE, EXECUTABLES_BEGIN + draw.integers(0, 2**18, count) * HUGE_PAGE_BYTES, HUGE_PAGE_BYTES)
    top = LIBRARIES_END - draw.integers(0, LIBRARIES_RANGE_BYTES, count)
    to(LIBRARIES, top - (highest - lowest)[:, LIBRARIES], ARENA_BYTES)
    to(STACK, STACKS_BEGIN + draw.integers(0, STACKS_RANGE_BYTES, count), PAGE_BYTES)
    return moved


def _write_wide(text: bytearray, places: Numbers, start: Numbers, end: Numbers) -> None:
    """Put `START-END` over that of each mapping, in hexadecimal digits as the kernel prints them."""
    digits = np.empty((len(start), WIDTH), "S1")
    for column, addresses in ((0, start), (DIGITS + 1, end)):
        for place in range(3):
            at = column + 4 * place
            digits[:, at : at + 4] = _HEX[addresses >> (32 - 16 * place) & 0xFFFF].view("S1").reshape(-1, 4)
    digits[:, DIGITS] = b"-"
    windows = np.ndarray((len(text) - WIDTH,), f"V{WIDTH}", text, strides=(1,))
    windows[places] = digits.view(f"V{WIDTH}").ravel()


def _write_narrow(text: bytearray, places: list[int], starts: list[int], ends: list[int]) -> None:
    """The same for addresses of fewer digits."""
    for place, start, end in zip(places, starts, ends, strict=True):
        addresses = b"%08x-%08x " % (start, end)
        if text[place + len(addresses) - 1] != ord(" "):
            raise ValueError(f"{addresses!r} is not as long as what was recorded")
        text[place : place + len(addresses)] = addresses


def _heads(plan: HostPlan, recipes: list[Recipe], grown: Grown, nonce: bytes) -> list[bytes]:
    """The records of each process before its mappings."""
    native_kb, java_kb = grown.native_bytes // 1024, grown.java_bytes // 1024
    more_kb = (native_kb + java_kb).tolist()
    heads = []
    for recipe, pid, ticks, more in zip(
        recipes, plan.pid.tolist(), plan.start_ticks.tolist(), more_kb, strict=True
    ):
        template = recipe.template
        size = template.size_kb + more
        values = {
            b"nonce": nonce,
            b"comm": recipe.comm,
            b"pid": pid,
            b"parent": 1,
            b"uid": recipe.uid,
            b"ticks": ticks,
            b"size": size,
            b"peak": size + 2048,
            b"rss": template.rss_kb + more,
            b"high": template.rss_kb + more + 512,
            b"anon": template.anon_kb + more,
            b"data": template.data_kb + more,
        }
        heads.append(template.head % values)
    return heads


def _facts(plan: HostPlan, recipes: list[Recipe], grown: Grown, nonce: bytes) -> Iterator[bytes]:
    """The records of the host."""
    held_kb = sum(recipe.template.rss_kb for recipe in recipes)
    held_kb += int((grown.native_bytes + grown.java_bytes).sum()) // 1024
    anon_kb = held_kb * 4 // 5
    ram_kb = 4 * 2**20
    while ram_kb < held_kb * TOUCHED:
        ram_kb *= 2
    ram_kb -= ram_kb // 60  # what the kernel keeps to itself
    free_kb = (ram_kb - held_kb) // 3
    meminfo = {
        "MemTotal": ram_kb,
        "MemFree": free_kb,
        "MemAvailable": ram_kb - held_kb,
        "Buffers": 120_000,
        "Cached": free_kb + 300_000,
        "SwapTotal": 2**21,
        "SwapFree": 2**21,
        "AnonPages": anon_kb,
        "Shmem": 40_000,
        "Slab": 400_000,
        "SReclaimable": 250_000,
        "PageTables": held_kb // 300,
        "KernelStack": 20_000,
    }
    up_s = plan.age_s[0] + plan.start_ticks[0] / 100
    denied, sent = int(plan.is_denied.sum()), len(recipes)
    facts = {
        "meminfo": "".join(f"{name + ':':<16}{value:>8} kB\n" for name, value in meminfo.items()),
        "thp": "always [madvise] never\n",
        "overcommit": "0\n",
        "max_map_count": "65530\n",
        "osrelease": f"{plan.release}\n",
        "boot_id": f"{plan.boot_id}\n",
        "uptime": f"{up_s:.2f} {up_s * plan.cores / 2:.2f}\n",
        "procstat": "".join(f"cpu{number}\n" for number in range(plan.cores)) + f"btime {plan.boot_s:.0f}\n",
        "arch": "x86_64\n",
        "os-release": f'NAME="Linux"\nPRETTY_NAME="{plan.system}"\n',
        "cgroup-memory": "".join(_limits(plan, recipes)),
        "page": "KernelPageSize:        4 kB",
        "end": f"listed={sent + 150} sent={sent} kernel=148 denied={denied} vanished=2",
    }
    for kind, text in facts.items():
        yield b"%s %s 0\n%s\n" % (nonce, kind.encode(), text.encode())


def _limits(plan: HostPlan, recipes: list[Recipe]) -> Iterator[str]:
    """Memory limits: containers have one, units have none."""
    paths = map(cgroup, (plan,) * len(recipes), recipes, plan.instance.tolist())
    for path, recipe in dict(zip(paths, recipes, strict=True)).items():
        limit = 4 * recipe.template.rss_kb * 1024 if recipe.service.how is How.CONTAINERS else "max"
        yield f"{path}\t{limit}\t{recipe.template.rss_kb * 1024}\n"


def cgroup(plan: HostPlan, recipe: Recipe, instance: int) -> str:
    """The path of a process's cgroup."""
    match recipe.service.how:
        case How.CONTAINERS:
            return f"/system.slice/docker-{container(plan, recipe, instance)}.scope"
        case How.SESSIONS:
            return f"/user.slice/user-{recipe.uid}.slice/session-{instance}.scope"
        case _:
            return f"/system.slice/{unit(recipe, instance)}"


def unit(recipe: Recipe, instance: int) -> str:
    """The systemd unit of a process."""
    if recipe.service.how is How.INSTANCES:
        return f"{recipe.name}{instance}.service"
    return f"{recipe.name}main.service" if recipe.name.endswith("@") else f"{recipe.name}.service"


def container(plan: HostPlan, recipe: Recipe, instance: int) -> str:
    """The id of a container."""
    return f"{plan.number:08x}{recipe.number:08x}{instance:048x}"


def _identity(plan: HostPlan, recipes: list[Recipe], nonce: bytes) -> Iterator[bytes]:
    """The identity part in plain text."""
    for recipe, pid, instance in zip(recipes, plan.pid.tolist(), plan.instance.tolist(), strict=True):
        arguments = b"\0".join((*recipe.argv, b""))
        path = cgroup(plan, recipe, instance).encode()
        yield b"%s comm %d\n%s\n\n" % (nonce, pid, recipe.comm)
        yield b"%s cmdline %d\n%s\n" % (nonce, pid, arguments)
        yield b"%s cgroup %d\n0::%s\n\n" % (nonce, pid, path)
    yield b"%s end 0\nsent=%d\n" % (nonce, len(recipes))
