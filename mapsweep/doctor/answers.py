"""Checks of what the hosts that answered have sent: which processes, by which tools, at which time."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from domain.records import Host, HostRecord
from mapsweep.doctor.check import Check, Level
from mapsweep.doctor.remedies import AWK, COMMANDS_SHOWN, Here, forgotten_key, installing, sudoers_line
from mapsweep.doctor.trial import Sent, Tried
from mapsweep.doctor.ways import few
from reports.tables.status import ROOT, hides_processes

CLOCK_SKEW_S_MAX: Final = 5.0  # the kernel tells when it booted in whole seconds, and the way takes time


def answer_checks(answered: Sequence[Tried], here: Here) -> Iterator[Check]:
    """What the report will lack, or what will cost more; nothing without an answer."""
    known = [(each, each.record, each.sent) for each in answered if each.record and each.sent]
    if not known:
        return
    yield _seen([(each, record) for each, record, _ in known], here)
    yield from _tools([(each, sent) for each, _, sent in known])
    yield _clocks([(each, record) for each, record, _ in known])
    yield from _clones([(each, record) for each, record, _ in known], here)
    yield from _problems([(each, record) for each, record, _ in known])


def _seen(known: Sequence[tuple[Tried, HostRecord]], here: Here) -> Check:
    """Whether the account sees all processes, and their mappings."""
    lacking: list[Host] = []
    lines: list[str] = []
    for each, record in known:
        hides = hides_processes(record, each.host)
        refuses = record.denied > 0 and not _reads_as_root(each, here)
        if not (hides or refuses):
            continue
        lacking.append(each.host)
        lines.append(
            f"{each.host.name}: only {record.sent:,} processes are seen, others are hidden (hidepid)"
            if hides
            else f"{each.host.name}: mappings of {record.denied:,} of {record.sent:,} processes are denied"
        )
    listed = sum(record.sent for _, record in known)
    if not lacking:
        return Check(Level.OK, "processes", f"{listed:,} processes on {_hosts(len(known))}")
    curable = [host for host in lacking if not host.become]
    remedy = "allow the account to run the probe as root, and add --become (or ansible_become: true)"
    return Check(
        Level.WARN,
        "processes",
        f"not all can be read: {len(lacking)} of {_hosts(len(known))}",
        few(lines),
        remedy if curable else "see why not even root sees them: a container, or a security module",
        tuple(sudoers_line(host, here) for host in curable[:COMMANDS_SHOWN]),
    )


def _reads_as_root(each: Tried, here: Here) -> bool:
    """What is denied then, nobody may read."""
    return each.host.become or here.account_of(each.host) == ROOT


def _tools(known: Sequence[tuple[Tried, Sent]]) -> Iterator[Check]:
    awkless = [each.host for each, sent in known if not sent.by_awk]
    if awkless:
        remedy = "install an awk there (mawk or gawk): grep costs more, and reads no smaps"
        text = f"missing on {len(awkless)} of {_hosts(len(known))}; grep is used"
        yield Check(Level.WARN, "awk", text, _names(awkless), remedy, _installed(awkless, AWK))
    else:
        yield Check(Level.OK, "awk", _hosts(len(known)))
    loose = [each.host for each, sent in known if not sent.packed]
    if loose:
        remedy = "install gzip there: without it about eight times as many bytes are sent"
        text = f"missing on {len(loose)} of {_hosts(len(known))}"
        yield Check(Level.WARN, "gzip", text, _names(loose), remedy, _installed(loose, "gzip"))
    else:
        yield Check(Level.OK, "gzip", _hosts(len(known)))


def _names(hosts: Sequence[Host]) -> tuple[str, ...]:
    return few([host.name for host in hosts])


def _installed(hosts: Sequence[Host], package: str) -> tuple[str, ...]:
    return tuple(installing(host, package) for host in hosts[:COMMANDS_SHOWN])


def _clocks(known: Sequence[tuple[Tried, HostRecord]]) -> Check:
    told = [(each, _skew_s(record)) for each, record in known if record.clock_s > 0]
    wrong = [(each, skew_s) for each, skew_s in told if abs(skew_s) > CLOCK_SKEW_S_MAX]
    if not told:
        return Check(Level.UNKNOWN, "clock", "cannot tell: no host says its time")
    if not wrong:
        return Check(
            Level.OK, "clock", f"{_hosts(len(told))} within {CLOCK_SKEW_S_MAX:.0f} s of this machine"
        )
    lines = [
        f"{each.host.name}: {abs(skew_s):,.0f} s {'ahead' if skew_s > 0 else 'behind'}"
        for each, skew_s in wrong
    ]
    return Check(
        Level.WARN,
        "clock",
        f"{len(wrong)} of {_hosts(len(told))} differ from this machine",
        few(lines),
        "synchronise the clocks there, or here if all differ: timedatectl set-ntp true",
    )


def _skew_s(record: HostRecord) -> float:
    """How far the host's clock is ahead, beyond what the sweep of it took; 0 if it is within that."""
    ahead_s = record.clock_s - datetime.fromisoformat(record.at).timestamp()
    return min(ahead_s, 0.0) or max(ahead_s - record.elapsed_s, 0.0)


def _clones(known: Sequence[tuple[Tried, HostRecord]], here: Here) -> Iterator[Check]:
    """Machines that show the same host key: each of them can pose as the others.

    One machine may have several names, and a cluster one HostKeyAlias; neither is a clone.
    """
    by_key: dict[str, list[tuple[Tried, HostRecord]]] = {}
    for each, record in known:
        if each.host_key and record.boot_id and not each.host.host_key_alias:
            by_key.setdefault(each.host_key, []).append((each, record))
    for key, those in by_key.items():
        if len({record.boot_id for _, record in those}) == 1:
            continue
        yield Check(
            Level.WARN,
            "host key",
            f"the same on {_hosts(len(those))}, so that each can pose as the others: {key}",
            few([each.host.name for each, _ in those]),
            "they were cloned with their host keys: make new ones on all but one of them"
            " (rm /etc/ssh/ssh_host_*_key*; ssh-keygen -A; restart sshd), and forget the old ones here",
            tuple(forgotten_key(each.host, here) for each, _ in those[1 : COMMANDS_SHOWN + 1]),
        )


def _problems(known: Sequence[tuple[Tried, HostRecord]]) -> Iterator[Check]:
    odd = ((each, _beside_the_key(record.problem, each.told_of_key)) for each, record in known)
    told = [f"{each.host.name}: {problem}" for each, problem in odd if problem]
    if told:
        text = f"{len(told)} of {_hosts(len(known))} sent something else, or not everything"
        yield Check(
            Level.WARN,
            "stream",
            text,
            few(told),
            "a login shell should print nothing; see its start-up files",
        )


def _beside_the_key(problem: str, told_of_key: str) -> str:
    """What is told of a host besides its key, of which `host key` tells."""
    return problem.replace(told_of_key, "").strip("; ") if told_of_key else problem


def _hosts(count: int) -> str:
    return f"{count:,} host" if count == 1 else f"{count:,} hosts"
