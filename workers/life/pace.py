"""How long things may take in the fleet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """A task ends long before the broker would hand it out again."""

    hosts_per_task: int = 20  # a collect task sweeps so many at once
    task_s: int = 900  # a task that takes longer is killed
    lease_s: int = 960  # from then on its hosts are free for another worker
    visibility_s: int = 3600  # from then on the broker delivers an unfinished message again
    tend_s: int = 15  # how often runs are looked after
    attempts: int = 2  # how often a host is begun before it is given up as killing its worker
