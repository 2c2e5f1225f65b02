"""Time limits of the fleet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Time limits; a task ends long before the broker would deliver it again."""

    hosts_per_task: int = 20  # hosts that a collect task sweeps at once
    task_s: int = 900  # a task that takes longer is killed
    lease_s: int = 960  # after this the hosts of a task are free for another worker
    visibility_s: int = 3600  # after this the broker delivers an unfinished message again
    tend_s: int = 15  # how often runs are looked after
    attempts: int = 2  # attempts at a host before it fails because it kills its worker
