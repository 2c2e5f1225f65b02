"""From the snapshot of a host to its result: the record, and one section per table."""

from typing import Final

from archive import tables
from archive.results import ARGUMENTS, FINDINGS, FOOTPRINTS, PROCESSES, Result
from domain.records import Dump, HostRecord
from procmaps.doubts import DoubtTable
from procmaps.findings import VERSIONS, Finding
from procmaps.identity import IdentityTable
from procmaps.tables import FootprintTable, Snapshot

INIT_PID: Final = 1


def host_result(
    record: HostRecord,
    snapshot: Snapshot,
    identity: IdentityTable,
    sums: FootprintTable,
    *,
    unsure: DoubtTable,
    found: list[Finding],
) -> Result:
    """The result of a host; equal arguments give equal sections, byte for byte."""
    frames = {
        PROCESSES: tables.processes_frame(snapshot, identity, unsure),
        ARGUMENTS: tables.arguments_frame(snapshot),
        FOOTPRINTS: tables.footprints_frame(snapshot, sums),
        FINDINGS: tables.findings_frame(snapshot, found),
    }
    return Result(record, {name: tables.to_ipc(frame) for name, frame in frames.items()})


def host_record(dump: Dump, snapshot: Snapshot, problem: str, rules_version: str) -> HostRecord:
    """The record of a host that answered; `problem` says in a sentence what is missing."""
    facts, counts = snapshot.facts, snapshot.counts
    return HostRecord(
        host=dump.host,
        at=dump.at,
        elapsed_s=dump.elapsed_s,
        attempt=dump.attempt,
        complete=dump.complete and counts.complete,
        problem=problem,
        listed=counts.listed,
        sent=counts.sent,
        kernel_threads=counts.kernel_threads,
        denied=counts.denied,
        vanished=counts.vanished,
        kernel=facts.kernel,
        os_name=facts.os_name,
        cores=facts.cores,
        page_bytes=facts.page_bytes,
        boot_id=facts.boot_id,
        clock_s=facts.clock_s,
        mem_total_bytes=facts.mem_total_bytes,
        meminfo_bytes=facts.meminfo_bytes,
        overcommit_memory=facts.overcommit_memory,
        max_map_count=facts.max_map_count,
        thp_mode=facts.thp_mode,
        rules_version=rules_version,
        notes=snapshot.notes,
        sees_init=INIT_PID in snapshot.processes.pid,
        finding_codes=VERSIONS,
        host_key=dump.host_key,
    )
