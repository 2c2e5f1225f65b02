"""How far a run is, whoever executes it."""

from collections.abc import Callable
from dataclasses import dataclass

from archive.run import Run


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run, in hosts."""

    asked: int
    collected: int  # hosts with a dump or a failure
    classified: int  # with a result
    failed: int
    last: str = ""  # the host of the last change
    note: str = ""  # why nothing moves

    @property
    def ended(self) -> int:
        """Hosts that need nothing more."""
        return self.classified + self.failed


OnProgress = Callable[[Progress], None]


def progress_of(run: Run) -> Progress:
    """The progress of a run, from its folder."""
    standing = run.standing()
    collected = len(standing.done) + len(standing.failed) + len(standing.dumped)
    return Progress(len(run.manifest.hosts), collected, len(standing.done), len(standing.failed))
