"""Runs that start by the clock: what a schedule is, and the run of one of its times."""

from dataclasses import dataclass

from domain.records import Scope
from workers.life.crontab import Crontab, parse


@dataclass(frozen=True, slots=True)
class Schedule:
    """A run that starts by the clock. `crontab` has been checked with `workers.life.crontab.parse`."""

    name: str  # also the scope's name: nights are compared with nights
    hosts: str  # a pattern of the inventory
    crontab: str  # minute hour day month weekday
    time_zone: str = "UTC"  # IANA
    mail_to: tuple[str, ...] = ()
    evidence: str = "maps"
    become: bool = False

    @property
    def due(self) -> Crontab:
        """Its times."""
        return parse(self.crontab, self.time_zone)

    @property
    def scope(self) -> Scope:
        """What its runs ask for."""
        return Scope(self.name, self.hosts, self.evidence, self.become)
