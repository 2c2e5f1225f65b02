"""What to do first: the advice of the findings that a reader should see before all others."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from procmaps.kind_words import KIND_WORDS
from procmaps.kinds import KIND_BY_LABEL
from reports.changes.rows import Change, ChangeRow, Subject
from reports.findings.bloated import CODE as BLOATED
from reports.findings.growth import CODE as GREW
from reports.findings.rows import FindingGroup
from reports.report import Report
from reports.sentence import finding_words, next_commands
from reports.sentence.change_words import kind_name, on
from reports.sentence.headline import headline
from reports.text.sizes import number

STEPS_MAX: Final = 3
HOSTS_MAX: Final = 3  # named of those that newly fail for one reason


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do."""

    where: str  # services or hosts
    advice: str
    is_other: bool = False  # about something else than what the headline names first

    @property
    def label(self) -> str:
        """What a reader is told before it, so that it is not taken for the headline's."""
        return "Also to do" if self.is_other else "To do"


def asked_for(report: Report) -> list[FindingGroup]:
    """The findings that ask for something: news, or all in a first run; about the headline's lead first."""
    live = finding_words.live(report)
    told = [group for group in live if group.is_news] if report.run.findings_compared_with else list(live)
    lead = headline(report).lead
    return told if lead is None else sorted(told, key=lambda group: _place(group, lead))


def of_services(report: Report, most: int) -> list[FindingGroup]:
    """The first of them, one of each service."""
    first: dict[str, FindingGroup] = {}
    for group in asked_for(report):
        first.setdefault(group.service, group)
    return list(first.values())[:most]


def about(groups: tuple[FindingGroup, ...], change: ChangeRow) -> list[FindingGroup]:
    """Those that concern what changed: that process; if none is named, that service or host."""
    return sorted((each for each in groups if _is_about(each, change)), key=lambda each: _turn(each, change))


def steps(report: Report, most: int = STEPS_MAX) -> tuple[Step, ...]:
    """What to do, the first about what the headline names first; what is about something else says so."""
    head, failed = headline(report), [*_of_failures(report)][:1]
    lead, is_first = head.lead, head.lead is None or head.leads_with_failures
    is_led = any(each.count for each in report.changes.counts)  # the headline names a change first
    groups = of_services(report, most - len(failed))
    found = [
        Step(_where(group), group.advice, is_led and (is_first or lead is None or not _concerns(group, lead)))
        for group in groups
        if group.advice
    ]
    if lead is None or is_first:
        return (*failed, *found)
    if all(step.is_other for step in found):
        found = [*_of_lead(report, lead), *found][: most - len(failed)]
    return (*found, *(replace(step, is_other=True) for step in failed))


def _of_lead(report: Report, lead: ChangeRow) -> Iterator[Step]:
    """What to do about a change of size that no finding is about; nothing about what shrank."""
    if lead.change != Change.GREW:
        return
    kind = KIND_BY_LABEL.get(lead.kind)
    if kind is not None and (words := KIND_WORDS[kind].when_large):
        yield Step(f"{on(lead)}, {kind_name(lead.kind)}", words)
        return
    run_id = report.run.run_id
    command = next_commands.show(lead.host, lead.pid, run_id) if lead.host else ""
    command = command or next_commands.top_of(lead.service, run_id)
    yield Step(on(lead), f"No finding tells why. `{command}` shows what its memory is for.")


def _of_failures(report: Report) -> Iterator[Step]:
    """What to do about the hosts that newly fail, by reason."""
    remedies = {(group.stage, group.reason): group.remedy for group in report.failures}
    new = report.changes.rows.table.filter(
        (pl.col("change") == Change.FAILED) & (pl.col("subject") == Subject.HOST)
    )
    for (stage, reason), rows in new.group_by("stage", "reason", maintain_order=True):
        named = ", ".join(rows["host"][:HOSTS_MAX]) + ", ..." * (rows.height > HOSTS_MAX)
        if remedy := remedies.get((str(stage), str(reason))):
            yield Step(named, f"{remedy[:1].upper()}{remedy[1:]}.")


def _where(group: FindingGroup) -> str:
    """`checkout.service on app-03`, `checkout.service on 5 hosts`."""
    first = next(iter(group.first), None)
    hosts = f"{number(group.hosts)} hosts" if group.hosts > 1 or first is None else first.host
    name = group.service or (first.comm if first else "")
    return f"{name} on {hosts}" if name else hosts


_OF_OTHERS: Final = 20
_OF_SERVICE: Final = 10


def _place(group: FindingGroup, lead: ChangeRow) -> int:
    """Findings about what the headline leads with first, then those of its service, then others."""
    if _is_about(group, lead):
        return _turn(group, lead)
    return _OF_SERVICE + _turn(group, lead) if lead.service and group.service == lead.service else _OF_OTHERS


def _concerns(group: FindingGroup, lead: ChangeRow) -> bool:
    return _place(group, lead) < _OF_OTHERS


def _is_about(group: FindingGroup, change: ChangeRow) -> bool:
    if change.pid is not None:
        return any((each.host, each.pid) == (change.host, change.pid) for each in group.first)
    if change.service:
        return group.service == change.service
    return any(each.host == change.host for each in group.first)


def _turn(group: FindingGroup, lead: ChangeRow) -> int:
    """Advice on the very memory that changed comes before that on growth, and this before all else."""
    if group.code in {GREW, BLOATED}:
        return 1 if group.code == GREW else 2
    return 0 if group.kind and group.kind == lead.kind else 2
