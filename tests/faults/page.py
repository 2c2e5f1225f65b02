"""docs/faults.md: what was broken, what became of the night, and what to know of it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

HEAD = """\
# Faults

What a fleet makes of a fault. `make faults` breaks each of these for real, with the installed commands:
it has its own Redis and mail server, SSH servers on loopback addresses, file systems in a mount namespace,
and clocks by libfaketime. It also writes this page.

A row holds only if each healthy host has a result, the run is closed and no longer given to the workers,
the list has its mail, and nothing was swept or mailed twice except where the row says so.

- *hosts*: the hosts with a result, of those that the last run asked. A dash: the fault has no run.
- *mails*: messages to the list, notices among them.
- *recovery*: from the end of the fault until nothing was left to be done, measured once, on two cores that
  the hosts, the workers and other work shared.

{pace}

| fault | hosts | mails | recovery | what to know |
|---|---|---|---|---|
"""
AT_PACE = {
    "quick": """\
The figures are at a quick pace (`fleet:` with a lease of 6 s, runs looked after each second). At the pace as
shipped a lease is 60 s and runs are looked after each 10 s, so a death is noticed after 70 s at most.
`make faults PACE=shipped` measures that.""",
    "shipped": "The figures are at the pace as shipped.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A fault and what became of it."""

    fault: str
    learn: str
    pace: str
    hosts: str
    mails: str
    recovery_s: float | None
    has_held: bool = True

    def as_json(self) -> str:
        """As a property of a test's report, which may come from another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str, *, has_held: bool) -> Self:
        """The row of a report."""
        return cls(**json.loads(text) | {"has_held": has_held})

    @property
    def recovery(self) -> str:
        """How long it took, for people."""
        return "-" if self.recovery_s is None else f"{self.recovery_s:.0f} s"

    def line(self) -> str:
        """For a terminal."""
        held = "" if self.has_held else "  DID NOT HOLD"
        return f"{self.fault:<70.70} {self.pace:<8} {self.hosts:>6} {self.mails:>3} {self.recovery:>6}{held}"

    def cells(self) -> str:
        """For the page."""
        fault = self.fault if self.has_held else f"{self.fault} (**did not hold**)"
        return f"| {fault} | {self.hosts} | {self.mails} | {self.recovery} | {self.learn} |"


def written(rows: Sequence[Row]) -> str:
    """The page."""
    lines = [HEAD.format(pace=AT_PACE[rows[0].pace]) + rows[0].cells()]
    return "\n".join([*lines, *(row.cells() for row in rows[1:])]) + "\n"
