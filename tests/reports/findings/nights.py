"""Nights of a small fleet, each closed after the other, with their findings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from archive.run import Run
from domain.records import Failure, Mute, Scope
from reports.findings.rows import FindingGroup
from reports.report import Report, report
from tests.reports.fleet import (
    MIB,
    RULES,
    Answered,
    Found,
    Process,
    failure,
    finding,
    heap,
    run_of,
    runs_in,
)

SERVICE = "api.service"


class Nights:
    """The runs of one folder, one a night from 1 November 2026."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs = runs_in(folder)
        self._night = 0

    def run(
        self,
        *hosts: Answered,
        failed: tuple[str, ...] = (),
        rules: str = RULES,
        mutes: tuple[Mute, ...] = (),
        **more: Any,
    ) -> Run:
        """The run of the next night."""
        self._night += 1
        return run_of(
            self._runs,
            *hosts,
            failures=tuple(_failed(name) for name in failed),
            run_id=f"202611{self._night:02}T050000Z-prod-0001",
            started_at=f"2026-11-{self._night:02}T05:00:00Z",
            rules_version=rules,
            scope=Scope("prod", "prod-*"),
            mutes=mutes,
            **more,
        )

    def report(self, *hosts: Answered, **more: Any) -> Report:
        """The report of the next night."""
        return report(self.run(*hosts, **more))

    def tell(self, *hosts: Answered, **more: Any) -> dict[str, str]:
        """What the next night's report tells: the standing of each code."""
        return {each.code: each.standing for each in self.report(*hosts, **more).findings}


def _failed(name: str) -> Failure:
    return failure(name)


def host(name: str, *codes: str, size: int = 100 * MIB, service: str = SERVICE, pid: int = 1) -> Answered:
    """A host with one process that has these findings."""
    process = Process(pid, service=service, blocks=(heap(200 * MIB),), rss_anon_bytes=300 * MIB)
    return Answered(name, (process,), findings=tuple(found(code, size, pid) for code in codes))


def found(code: str, size: int | None = 100 * MIB, pid: int = 1, severity: str = "warning") -> Found:
    return replace(finding(pid, severity), code=code, concerns_bytes=size)


def one(report_: Report, code: str) -> FindingGroup:
    """The only finding of a code."""
    (group,) = [each for each in report_.findings if each.code == code]
    return group
