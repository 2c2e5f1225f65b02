"""One thing that can go wrong with a host."""

from dataclasses import dataclass

from domain.records import Stage


@dataclass(frozen=True, slots=True)
class Trouble:
    """One reason. `reason` is a stable code; `remedy` is what the operator does, as the end of a sentence."""

    reason: str
    stages: tuple[Stage, ...]
    means: str
    remedy: str
    is_retried: bool = False  # another connection some seconds later can help, so the sweep tries one
    may_pass: bool = (
        False  # a later sweep can succeed though nobody changed anything: a load, a restart, a full run
    )


CONNECTED = (Stage.BANNER, Stage.KEX, Stage.HOSTKEY, Stage.AUTH, Stage.SUDO, Stage.EXEC)
