"""Schedules, and the requests of their runs."""

from dataclasses import dataclass

from domain.records import Scope
from workers.life.crontab import Crontab, parse


@dataclass(frozen=True, slots=True)
class Schedule:
    """A scheduled run. `crontab` has been checked with `workers.life.crontab.parse`."""

    name: str  # also the name of the scope, so that runs of one schedule are compared
    hosts: str  # a pattern of the inventory
    crontab: str  # minute hour day month weekday
    time_zone: str = "UTC"  # IANA
    mail_to: tuple[str, ...] = ()
    evidence: str = "maps"
    become: bool = False

    @property
    def due(self) -> Crontab:
        """The due times."""
        return parse(self.crontab, self.time_zone)

    @property
    def scope(self) -> Scope:
        """The scope of its runs."""
        return Scope(self.name, self.hosts, self.evidence, self.become)
