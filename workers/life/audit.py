"""The audit: a line for each act that asks hosts, hands out what they sent, or removes it. docs/audit.md.

An act is refused if its line is not taken; that a run ended can no longer be refused, and is only warned of.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeAlias

from domain.mistakes import Mistake, OperatorError
from domain.moments import now
from domain.records import Asker, Closed, Connection, Host, Manifest
from workers.life.asker import asker
from workers.life.audit_places import Place

Fact: TypeAlias = str | int | None

VALUE_CHARS_MAX: Final = 1000  # shown of one; the run has all of it
SUDO: Final = "sudo"  # the one method of become
_BARE: Final = re.compile(r"[\w.:/@%+,*~-]+", re.ASCII)
_CUT: Final = "..."

log = logging.getLogger("workers")


@dataclass(frozen=True, slots=True)
class Audit:
    """Writes the lines, to a place or to none."""

    place: Place | None = None

    def problem(self) -> Mistake | None:
        """Why no line would be taken now; None: nothing is known to be in the way."""
        if self.place is None:
            return None
        try:
            self.place.check()
        except OSError as error:
            return _mistake(self.place, error)
        return None

    def planned(self, manifest: Manifest) -> None:
        """A run is about to ask its hosts. OperatorError if the line is not taken, as for all acts."""
        self._act("planned", lambda: manifest.asker, _planned(manifest))

    def resumed(self, manifest: Manifest, host_key_policy: str = "", arguments: str = "") -> None:
        """A run that was stopped goes on, with what this process is set to; "": workers by their settings."""
        of_run = replace(manifest, host_key_policy=host_key_policy, arguments=arguments)
        self._act("resumed", _this_process, _planned(of_run))

    def tried(self, manifest: Manifest) -> None:
        """Hosts are about to be asked for a run that is not kept, by `mapsweep doctor`."""
        self._act("tried", lambda: manifest.asker, _planned(manifest) | {"run": None})

    def reclassified(self, run_id: str, rules_version: str) -> None:
        """The numbers of a run are about to be made again and replaced."""
        self._act("reclassified", _this_process, {"run": run_id, "rules": rules_version})

    def removed(self, run_id: str, what: str, why: str) -> None:
        """A run, or its dumps, are about to be removed."""
        self._act("removed", _this_process, {"run": run_id, "what": what, "why": why})

    def mailed(self, what: Mapping[str, Fact], to: Iterable[str]) -> None:
        """Somebody is about to be sent what a run found, who is not on its list."""
        self._act("mailed", _this_process, {**what, "to": ",".join(to)})

    def ended(self, manifest: Manifest, closed: Closed) -> None:
        """A run is over. If the line is not taken, that is a warning, because the run stands."""
        try:
            self._act("ended", _this_process, _ended(manifest, closed))
        except OperatorError as error:
            log.warning("the end of %s is not in the audit: %s", manifest.run_id, error)

    def _act(self, event: str, who: Callable[[], Asker | None], facts: Mapping[str, Fact]) -> None:
        if self.place is None:
            return
        try:
            self.place.take(line({"event": event, "at": now(), **_who(who()), **facts}))
        except OSError as error:
            raise OperatorError(_mistake(self.place, error)) from error


SILENT: Final = Audit()


def _this_process() -> Asker:
    return asker(os.environ)


def line(facts: Mapping[str, Fact]) -> str:
    """`name=value` with spaces between, in ASCII and on one line; what is not known is left out.

    A value with other characters than those of names, addresses and paths is a JSON string.
    """
    return " ".join(
        f"{name}={_value(str(value))}" for name, value in facts.items() if value not in {None, ""}
    )


def _value(text: str) -> str:
    if len(text) > VALUE_CHARS_MAX:
        text = text[:VALUE_CHARS_MAX] + _CUT
    return text if _BARE.fullmatch(text) else json.dumps(text).replace("\x7f", "\\u007f")


def _mistake(place: Place, error: OSError) -> Mistake:
    remedy = "see that it can be written, or set `audit` to another place; `off` writes no audit"
    problem = f"the audit cannot be written there ({error.strerror or error})"
    return Mistake(place.named, problem, remedy)


def _who(who: Asker | None) -> dict[str, Fact]:
    """What the kernel says; names that begin with env_ are what the environment claims."""
    if who is None:
        return {}
    return {
        "machine": who.machine,
        "uid": who.uid,
        "account": who.account,
        "login_uid": who.login_uid,
        "login": who.login,
        "terminal": who.terminal,
        "env_sudo_uid": who.sudo_uid,
        "env_sudo": who.sudo,
        "env_client": who.client,
        "schedule": who.schedule,
    }


def _privilege(hosts: Iterable[Host]) -> dict[str, Fact]:
    """How many hosts, and how the probe runs there."""
    asked = tuple(hosts)
    become = sum(host.become for host in asked)
    return {
        "hosts_count": len(asked),
        "local": sum(host.connection is Connection.LOCAL for host in asked),
        "become": become,
        "become_method": SUDO if become else "",
    }


def _planned(manifest: Manifest) -> dict[str, Fact]:
    """What a run is to do. The longest comes last: a log that cuts lines cuts that."""
    to = (*manifest.mail_to, *(each for owner in manifest.mail_owners for each in owner.to))
    return {
        "run": manifest.run_id,
        "version": manifest.tool_version,
        **_privilege(manifest.hosts),
        "evidence": manifest.scope.evidence,
        "host_keys": manifest.host_key_policy or "by_workers",
        "arguments": manifest.arguments or "by_workers",
        "mail": ",".join(dict.fromkeys(to)),
        "hosts": manifest.scope.hosts,
    }


def _ended(manifest: Manifest, closed: Closed) -> dict[str, Fact]:
    taken = datetime.fromisoformat(closed.closed_at) - datetime.fromisoformat(manifest.started_at)
    return {
        "run": manifest.run_id,
        "asked": closed.asked,
        "ok": closed.ok,
        "partial": closed.partial,
        "failed": closed.failed,
        "verdict": _verdict(closed),
        "in_time": "yes" if closed.complete else "no",
        "duration_s": round(taken.total_seconds()),
    }


def _verdict(closed: Closed) -> str:
    """As `reports.sentence.verdict.word` of the report."""
    if closed.is_dead:
        return "FAILED"
    return "PARTIAL" if closed.failed or closed.partial else "OK"
