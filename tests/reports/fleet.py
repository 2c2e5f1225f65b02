"""Small runs made of hand-written rows, through the archive as it is."""

from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from archive.results import Result
from archive.run import Run
from archive.runs import Runs
from archive.tables import ARGUMENT_SCHEMA, FINDING_SCHEMA, FOOTPRINT_SCHEMA, PROCESS_SCHEMA, to_ipc
from domain.records import Failure, Host, HostRecord, Labels, Limits, Manifest, Mute, Scope, Stage
from procmaps.findings import VERSIONS
from reports.closing.settle import HOSTS_A_PART, settle
from reports.report import Report

MIB = 2**20
GIB = 2**30
STARTED_AT = "2026-11-22T05:00:00Z"
CLOSED_AT = "2026-11-22T05:03:10Z"
RULES = "2026.11"
BOOT_S = 1_795_000_000.0


@dataclass(frozen=True, slots=True)
class Block:
    """A footprint row in short."""

    kind: str
    committed_bytes: int
    count: int = 1
    block_bytes: int = 0
    reserved_bytes: int = 0  # 0: as committed
    resident_bytes: int | None = None
    resident_max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """A process in short."""

    pid: int
    comm: str = "java"
    service: str = "api.service"
    blocks: tuple[Block, ...] = ()
    rss_anon_bytes: int | None = 8 * GIB
    start_ticks: int | None = 4200
    started_at_s: float | None = BOOT_S + 42
    arguments: str = "/usr/bin/java -jar api.jar"
    exe: str = "/usr/bin/java"
    evidence: str = "maps"
    trouble: str = ""
    threads: int = 40
    guessed_heap_bytes: int = 0  # of the native heap
    doubted_bytes: int = 0  # guessed to be something else, and native heap if that is wrong
    largest_guess: str = ""
    rss_shmem_bytes: int | None = 10 * MIB
    swap_bytes: int | None = 0
    unit: str = ""  # "": as the service
    runtime: str = ""  # "": java of java
    limit: tuple[int | None, ...] = (None, None, None)  # of its cgroup, and the least and most room below it
    container: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A row of the findings of a host."""

    pid: int
    start_ticks: int | None
    comm: str
    code: str
    severity: str
    evidence: str
    advice: str
    confirm: str
    not_shown: str
    kind: str = "heap_arena"
    concerns_bytes: int | None = 100 * MIB


@dataclass(frozen=True, slots=True)
class Answered:
    """A host that answered."""

    name: str
    processes: tuple[Process, ...] = ()
    denied: int = 0
    complete: bool = True
    problem: str = ""
    meminfo_bytes: dict[str, int] = field(default_factory=dict)
    findings: tuple[Found, ...] = ()
    labels: Labels = ()
    boot_id: str = "b8f1"
    sees_init: bool = True


MEMINFO = {
    "MemTotal": 32 * GIB,
    "MemFree": 10 * GIB,
    "MemAvailable": 18 * GIB,
    "Buffers": 1 * GIB,
    "Cached": 8 * GIB,
    "Shmem": 1 * GIB,
    "AnonPages": 11 * GIB,
    "Slab": 1 * GIB,
    "PageTables": 64 * MIB,
    "KernelStack": 32 * MIB,
    "Hugetlb": 0,
}


def heap(amount_bytes: int, *, resident: bool = False) -> Block:
    """A main heap that is all committed, by smaps all resident."""
    return Block("heap_main", amount_bytes, resident_bytes=amount_bytes if resident else None)


def stacks(count: int, committed_bytes: int, *, resident_bytes: int | None = None) -> Block:
    """Thread stacks of 8 MiB each, of which so much is committed in all."""
    return Block(
        "thread_stack",
        committed_bytes,
        count=count,
        block_bytes=8 * MIB,
        reserved_bytes=count * 8 * MIB,
        resident_bytes=resident_bytes,
    )


def run_of(
    runs: Runs,
    *answered: Answered,
    failures: tuple[Failure, ...] = (),
    run_id: str = "20261122T050000Z-prod-0001",
    scope: Scope | None = None,
    started_at: str = STARTED_AT,
    rules_version: str = RULES,
    close: bool = True,
    complete: bool = True,
    hosts_a_part: int = HOSTS_A_PART,
    mutes: tuple[Mute, ...] = (),
    finding_codes: dict[str, int] = VERSIONS,
) -> Run:
    """A run with these answers and failures, closed unless told otherwise."""
    asked = [Host(one.name, "127.0.0.1", labels=one.labels) for one in answered]
    asked += [Host(one.host, "127.0.0.1", labels=(("owner", "payments"),)) for one in failures]
    manifest = Manifest(
        run_id=run_id,
        scope=scope or Scope("prod", "prod-*"),
        limits=Limits(),
        hosts=tuple(asked),
        started_at=started_at,
        deadline_at="2026-11-22T06:00:00Z",
        tool_version="0.1.0",
        rules_version=rules_version,
        command="mapsweep collect --hosts 'prod-*'",
        mutes=mutes,
    )
    run = runs.create(manifest)
    for host in answered:
        run.write_result(result(host, rules_version, finding_codes))
    for failure in failures:
        run.write_failure(failure)
    if close:
        closed = settle(run, runs, CLOSED_AT, hosts_a_part=hosts_a_part)
        run.close(replace(closed, complete=complete))
    return run


def runs_in(folder: Path) -> Runs:
    return Runs(str(folder))


def result(host: Answered, rules_version: str = RULES, finding_codes: dict[str, int] = VERSIONS) -> Result:
    """What a host's dump was made into, by the sections of archive.results."""
    arguments = [(one.pid, one.start_ticks, one.arguments or None) for one in host.processes]
    frames = {
        "processes": processes(host),
        "arguments": pl.DataFrame(arguments, schema=ARGUMENT_SCHEMA, orient="row"),
        "footprints": footprints(host),
        "findings": pl.DataFrame(
            [astuple(one) for one in host.findings], schema=FINDING_SCHEMA, orient="row"
        ),
    }
    own = replace(record(host, rules_version), finding_codes=finding_codes)
    return Result(own, {name: to_ipc(frame) for name, frame in frames.items()})


def record(host: Answered, rules_version: str = RULES) -> HostRecord:
    meminfo = host.meminfo_bytes or MEMINFO
    return HostRecord(
        host=host.name,
        at=STARTED_AT,
        elapsed_s=1.25,
        attempt=1,
        complete=host.complete,
        problem=host.problem,
        listed=len(host.processes) + host.denied,
        sent=len(host.processes),
        kernel_threads=90,
        denied=host.denied,
        vanished=0,
        kernel="6.1.0-30-amd64",
        os_name="Debian GNU/Linux 12 (bookworm)",
        cores=8,
        page_bytes=4096,
        boot_id=host.boot_id,
        clock_s=BOOT_S + 90_000,
        mem_total_bytes=meminfo.get("MemTotal", -1),
        meminfo_bytes=meminfo,
        overcommit_memory=0,
        max_map_count=65530,
        thp_mode="madvise",
        rules_version=rules_version,
        sees_init=host.sees_init,
    )


def processes(host: Answered) -> pl.DataFrame:
    rows = [_process(process) for process in host.processes]
    return pl.DataFrame(rows, schema=PROCESS_SCHEMA, orient="row")


def _process(process: Process) -> tuple[int | float | str | None, ...]:
    anonymous = process.rss_anon_bytes
    return (
        process.pid,
        process.start_ticks,
        process.started_at_s,
        1000,
        process.comm or None,
        process.exe or None,
        process.service or None,
        process.unit or process.service or None,
        process.container or None,
        process.runtime or ("java" if process.comm == "java" else None),
        process.evidence,
        process.trouble or None,
        process.threads,
        64 * GIB,
        None if anonymous is None else anonymous + 100 * MIB,
        anonymous,
        90 * MIB,
        process.rss_shmem_bytes,
        process.swap_bytes,
        *_doubts(process),
        *process.limit,
    )


def _doubts(process: Process) -> tuple[int | str | None, ...]:
    """Sure, doubted, guessed and present bytes, and the words of the largest guess."""
    if process.evidence == "denied":
        return (None,) * 5
    native = sum(_most(process, block) for block in process.blocks if block.kind.startswith("heap_"))
    anonymous = process.rss_anon_bytes
    present = sum(block.committed_bytes for block in process.blocks) if anonymous is None else anonymous
    return (
        native - process.guessed_heap_bytes,
        process.doubted_bytes,
        process.guessed_heap_bytes + process.doubted_bytes,
        present,
        process.largest_guess or None,
    )


def footprints(host: Answered) -> pl.DataFrame:
    rows = [_block(process, block) for process in host.processes for block in process.blocks]
    return pl.DataFrame(rows, schema=FOOTPRINT_SCHEMA, orient="row")


def _most(process: Process, block: Block) -> int:
    """Resident bytes, or the bound of them."""
    if block.resident_max_bytes is not None:
        return block.resident_max_bytes
    if block.resident_bytes is not None:
        return block.resident_bytes
    limit = process.rss_anon_bytes if process.rss_anon_bytes is not None else block.committed_bytes
    return min(block.committed_bytes, limit)


def _block(process: Process, block: Block) -> tuple[int | str | None, ...]:
    return (
        process.pid,
        process.start_ticks,
        block.kind,
        block.block_bytes,
        block.count,
        block.reserved_bytes or block.committed_bytes,
        block.committed_bytes,
        block.resident_bytes,
        _most(process, block),
        None,
        None,
    )


def finding(pid: int, severity: str = "warning", text: str = "many") -> Found:
    return Found(
        pid, 4200, text, "many_arenas", severity, f"{text} arenas", f"{text} fewer", f"{text} test", text
    )


def rows_of(report: Report, table: str, host: str) -> list[dict[str, Any]]:
    """A host's rows of a table of a run."""
    return report.tables.table(table).filter(pl.col("host") == host).to_dicts()


def shown_of(report: Report, host: str) -> list[dict[str, Any]]:
    """The processes of a host that a report shows, in its order."""
    rows = (row for row in rows_of(report, "processes", host) if row["shown"])
    return sorted(rows, key=lambda row: row["host_place"])


def failure(host: str, stage: Stage = Stage.AUTH, reason: str = "auth_rejected") -> Failure:
    return Failure(host, stage, reason, "the server took none of the keys", "", 1, STARTED_AT, 0.4)


def peers(sizes_bytes: tuple[int, ...]) -> tuple[Answered, ...]:
    """Hosts web1, web2, ... with one process of the same service each."""
    return tuple(
        Answered(f"web{place}", (Process(100, blocks=(heap(amount),)),))
        for place, amount in enumerate(sizes_bytes, start=1)
    )


def grown(host: Answered, amount_bytes: int) -> Answered:
    """The host with so much more main heap in each process."""
    return replace(
        host,
        processes=tuple(
            replace(process, blocks=(*process.blocks, Block("heap_mmap", amount_bytes)))
            for process in host.processes
        ),
    )
