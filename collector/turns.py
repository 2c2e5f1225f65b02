"""How one host's turn ends: a Dump or a Failure, with its time and its duration."""

import re
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Final

from archive import bugs
from collector import probe, stream
from collector.budget import Share
from collector.process_beside import ProcessLostError
from collector.session import Session
from collector.spool import Spool
from collector.stages import Stages
from collector.trouble import BUG, HostTrouble, one_line
from collector.watchdog import INTERRUPTED
from domain.about import about
from domain.moments import now
from domain.records import Dump, Failure, Host, Limits, Stage
from procmaps.masking_options import Masking

UNPACK_S: Final = 30.0  # most of a host's total time that is kept for unpacking ...
UNPACK_SHARE: Final = 0.25  # ... and the share of it, if that is less
UNPACK_TIMES: Final = 2  # of what came, with what is packed anew because something in it is masked

_STATUS_REASONS: Final[dict[int | None, str]] = {
    probe.EXIT_REFUSED: "root_refused",
    probe.EXIT_NO_PROC: "no_proc",
    126: "no_shell",  # exit status of the shell: found but not executable
    127: "no_shell",  # not found
}


# sudo's words where nobody translated them, and those of sudo-rs; in another language it is sudo_refused
_SUDO_SAYS: Final[tuple[tuple[re.Pattern[bytes], str], ...]] = (
    (re.compile(rb"must have a tty"), "sudo_tty"),
    (re.compile(rb"password is required|authentication is required|terminal is required"), "sudo_password"),
    (
        re.compile(rb"not in the sudoers|not allowed to (execute|run)|may not run sudo|I'm afraid"),
        "sudo_not_allowed",
    ),
)
_NOLOGIN_SAYS: Final = re.compile(rb"(?i)this account is (currently )?not available")
# bash, zsh and the Korn shells of a command with a path in it
_RESTRICTED_SAYS: Final = re.compile(rb"(?m): restricted(:|\r?$)")
_NOT_THE_STREAMS: Final = frozenset(
    {INTERRUPTED, "spool_failed", "sweep_limit", "unpack_timeout", "worker_lost"}
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One attempt at one host."""

    host: Host
    attempt: int
    at: str
    started_s: float  # time.monotonic
    stages: Stages = field(repr=False, compare=False)
    share: Share = field(repr=False, compare=False)  # of the memory of the sweep

    def failed(self, trouble: HostTrouble) -> Failure:
        """A failure: the host gave no dump."""
        trace = bugs.trace(trouble.__cause__ or trouble) if trouble.reason == BUG else ""
        with about(reason=trouble.reason):
            self.stages.ended(trouble.stage, "failed, %s: %s", trouble.reason, trouble.detail)
        if trace:
            self.stages.note("%s", trace)
        return Failure(
            self.host.name,
            trouble.stage,
            trouble.reason,
            trouble.detail,
            trouble.remedy,
            self.attempt,
            self.at,
            self.elapsed_s(),
            trace,
        )

    def read_by_s(self, limits: Limits) -> float:
        """When the host must have sent everything (time.monotonic); the rest of its time is for unpacking."""
        return self.started_s + limits.total_s - _unpack_s(limits)

    def left_s(self, limits: Limits) -> float:
        """How many seconds from now the received data may be worked on."""
        return max(self.started_s + limits.total_s - time.monotonic(), _unpack_s(limits))

    def elapsed_s(self) -> float:
        """Seconds since the attempt began."""
        return round(time.monotonic() - self.started_s, 3)


@dataclass(frozen=True, slots=True)
class Received:
    """The output of the probe, and why reading ended."""

    received: Spool
    stderr: bytes
    exit_status: int | None  # None if none came
    cut: str = ""  # why reading was stopped; "" if the host ended by itself

    def __str__(self) -> str:
        """How much came, and how it ended; nothing of what came."""
        status = "none" if self.exit_status is None else str(self.exit_status)
        sizes = f"{len(self.received)} bytes received, {len(self.stderr)} of standard error"
        return f"{sizes}, exit status {status}" + (f", cut: {self.cut}" if self.cut else "")


def begin(host: Host, attempt: int, share: Share) -> Turn:
    """Starts the clock."""
    return Turn(host, attempt, now(), time.monotonic(), Stages(host.name), share)


def conclude(turn: Turn, drawn: probe.Probe, capture: Received, session: Session) -> Dump:
    """The output as a dump; raises HostTrouble if it has nothing useful."""
    masking = session.masking
    if capture.received.find(stream.begin_mark(drawn.nonce)) < 0:
        raise _never_began(turn.host, capture, masking)
    elapsed_s = turn.elapsed_s()  # without the unpacking, which is no work of the host
    try:
        parts = _unpacked(turn, drawn, capture, session)
    except HostTrouble as trouble:
        if trouble.reason in _NOT_THE_STREAMS:
            raise
        if capture.exit_status == probe.EXIT_NO_TOOL:
            raise HostTrouble(Stage.EXEC, "no_tool") from None
        raise HostTrouble(
            trouble.stage, trouble.reason, f"{trouble.detail}; {_ending(capture, masking)}"
        ) from None
    turn.stages.ended(
        "unpack", "%d bytes unpacked, of it %.3f s masking", parts.inflated_bytes, parts.masking_s
    )
    problems = [parts.problem] if parts.problem else []
    if not parts.complete:
        problems.append(_ending(capture, masking))
    return Dump(
        host=turn.host.name,
        nonce=drawn.nonce,
        memory=parts.memory_gz,
        identity=parts.identity_gz,
        at=turn.at,
        elapsed_s=elapsed_s,
        attempt=turn.attempt,
        complete=parts.complete,
        problem="; ".join(problems),
        received_bytes=len(capture.received),
        packed=parts.packed,
    )


def _unpacked(turn: Turn, drawn: probe.Probe, capture: Received, session: Session) -> stream.Parts:
    """Unpack in a separate process, because a host can make its data expensive to unpack and to mask."""
    limits, size = session.limits, len(capture.received)
    until_s = time.monotonic() + turn.left_s(limits)

    def is_over() -> bool:
        return session.watchdog.interrupted or time.monotonic() >= until_s

    if not turn.share.grow(size * UNPACK_TIMES, is_over):
        raise HostTrouble(
            Stage.READ, "sweep_limit", f"{size} bytes came, and there was no room to unpack them"
        )
    try:
        return session.processes.run(
            lambda: session.watchdog.interrupted,
            lambda: turn.left_s(limits),
            stream.parts,
            capture.received,
            drawn.nonce,
            limits,
            session.masking,
        )
    except CancelledError:
        raise HostTrouble(Stage.READ, INTERRUPTED) from None
    except TimeoutError:
        detail = f"{len(capture.received)} bytes came, and could not be unpacked and masked in time"
        raise HostTrouble(Stage.READ, "unpack_timeout", detail) from None
    except ProcessLostError:
        detail = "the process that unpacked the received data was killed"
        raise HostTrouble(Stage.READ, "worker_lost", detail) from None


def _unpack_s(limits: Limits) -> float:
    return min(UNPACK_S, limits.total_s * UNPACK_SHARE)


def _ending(capture: Received, masking: Masking) -> str:
    """Why no more came, as far as it is known."""
    if capture.cut:
        return capture.cut
    said = one_line(capture.stderr, masking=masking)
    status = "no exit status" if capture.exit_status is None else f"exit status {capture.exit_status}"
    return f"{status}, {said}" if said else status


def _never_began(host: Host, capture: Received, masking: Masking) -> HostTrouble:
    """Judged by exit status and request; words, which differ by language and version, only refine it."""
    detail = _ending(capture, masking)
    printed = capture.received.read(0, stream.NOISE_BYTES)
    if printed.strip():
        detail += f"; printed: {one_line(printed, 80, masking)}"
    if capture.cut:
        return HostTrouble(Stage.EXEC, "exec_cut", detail)
    if _NOLOGIN_SAYS.search(printed) or _NOLOGIN_SAYS.search(capture.stderr):
        return HostTrouble(Stage.EXEC, "nologin", detail)
    if _RESTRICTED_SAYS.search(capture.stderr):
        return HostTrouble(Stage.EXEC, "no_shell", detail)
    if host.become and capture.exit_status not in _STATUS_REASONS:
        said = (reason for words, reason in _SUDO_SAYS if words.search(capture.stderr))
        return HostTrouble(Stage.SUDO, next(said, "sudo_refused"), detail)
    if host.become and capture.exit_status in (126, 127):
        return HostTrouble(Stage.SUDO, "sudo_missing", detail)
    return HostTrouble(Stage.EXEC, _STATUS_REASONS.get(capture.exit_status, "no_stream"), detail)
