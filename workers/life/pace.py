"""Time limits of the fleet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Time limits; a task ends long before the broker would deliver it again."""

    hosts_per_task: int = 20  # hosts that a collect task sweeps at once
    task_s: int = 900  # a task that takes longer is killed
    lease_s: int = (
        60  # so long after the death of a worker its hosts are free for another; renewed each third
    )
    again_s: int = 30  # after this a message about a host may be sent again
    visibility_s: int = 3600  # after this the broker delivers an unfinished message again
    tend_s: int = 10  # how often runs are looked after
    attempts: int = 3  # workers that a host may kill before it fails: two may die for other reasons
    rest_s: int = 30  # how long a worker that cannot do its work takes none
