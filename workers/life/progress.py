"""How far a run is, whoever executes it."""

from collections.abc import Callable
from dataclasses import dataclass

from archive.runs import Run


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, in hosts."""

    asked: int
    collected: int  # dumps and failures that have come in
    classified: int  # with a result
    failed: int
    last: str = ""  # the host that changed it
    note: str = ""  # why nothing moves

    @property
    def ended(self) -> int:
        """Hosts that need nothing more."""
        return self.classified + self.failed


OnProgress = Callable[[Progress], None]


def progress_of(run: Run) -> Progress:
    """How far a run is, by its folder."""
    standing = run.standing()
    collected = len(standing.done) + len(standing.failed) + len(standing.dumped)
    return Progress(len(run.manifest.hosts), collected, len(standing.done), len(standing.failed))
