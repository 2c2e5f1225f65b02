"""This machine, without SSH: the same probe, as a child."""

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Iterator
from typing import Final

from collector import probe, turns
from collector.budget import Share
from collector.intake import READ_BYTES, SILENCE_S, Intake
from collector.processes import NoProcessError
from collector.session import Session
from collector.trouble import HostTrouble
from collector.watchdog import INTERRUPTED, Guard
from domain.records import Dump, Failure, Host, Stage

# Like sshd's: the environment of mapsweep, above all that of sudo, must not reach the probe.
ENVIRONMENT: Final = {"PATH": os.environ.get("PATH") or os.defpath}


def collect(host: Host, session: Session, share: Share | None = None) -> Dump | Failure:
    """Reads this machine's own /proc (or the tree at host.root)."""
    turn = turns.begin(host, 1, share or session.budget.share())
    drawn = probe.draw(host, session.limits, session.evidence)
    try:
        return turns.conclude(turn, drawn, _run(turn, drawn, session), session)
    except HostTrouble as trouble:
        if session.watchdog.interrupted:
            return turn.failed(HostTrouble(trouble.stage, INTERRUPTED))
        return turn.failed(trouble)
    except NoProcessError:
        raise
    except Exception as error:  # noqa: BLE001  # no host may end the sweep
        return turn.failed(HostTrouble.of_error(Stage.READ, error))


def _run(turn: turns.Turn, drawn: probe.Probe, session: Session) -> turns.Received:
    try:
        child = subprocess.Popen(
            drawn.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        reason = "sudo_missing" if turn.host.become else "no_shell"
        raise HostTrouble(Stage.EXEC, reason, f"{drawn.argv[0]}: {error.strerror}") from None
    with child, session.watchdog.guard(lambda: _kill(child)) as guard:
        try:
            return _read(turn, child, drawn, session, guard)
        finally:
            _kill(child)


def _read(
    turn: turns.Turn, child: subprocess.Popen[bytes], drawn: probe.Probe, session: Session, guard: Guard
) -> turns.Received:
    limits = session.limits
    intake = Intake(drawn, limits, turn.share, session.spool(), lambda: bool(guard.fired))
    guard.expect("exec", turn.started_s + min(limits.exec_s, limits.total_s))
    _tell(child, drawn.standard_input)
    turn.stages.ended("exec", "the probe runs on this machine")
    is_read = False
    for _ in _chunks(child, intake):
        if intake.begun:
            if not is_read:
                turn.stages.ended("first byte", "the stream has begun")
            is_read = True
            guard.expect("total", turn.read_by_s(limits))
        if intake.cut or guard.fired:
            break
    if guard.fired:
        if guard.fired == INTERRUPTED:
            raise HostTrouble(Stage.EXEC, INTERRUPTED)
        intake.cut = f"the deadline of the stage {guard.fired} passed"
        if not intake.begun:
            stage = Stage.SUDO if turn.host.become else Stage.EXEC
            raise HostTrouble(stage, f"{guard.fired}_timeout", intake.cut)
    capture = intake.capture(None if intake.cut else child.wait())
    turn.stages.ended("read", "%s", capture)
    return capture


def _chunks(child: subprocess.Popen[bytes], intake: Intake) -> Iterator[None]:
    """Reads both outputs until both have ended, one step per read or timeout."""
    with selectors.DefaultSelector() as selector:
        for pipe, take in ((child.stdout, intake.take), (child.stderr, intake.take_stderr)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, take)
        while selector.get_map():
            ready = selector.select(SILENCE_S)
            for key, _ in ready:
                if chunk := os.read(key.fd, READ_BYTES):
                    key.data(chunk)
                else:
                    selector.unregister(key.fileobj)
            if not ready:
                intake.is_awaited(has_ended=False)
            yield


def _tell(child: subprocess.Popen[bytes], text: bytes) -> None:
    if child.stdin is not None:
        try:
            child.stdin.write(text)
            child.stdin.close()
        except BrokenPipeError:
            pass  # it has already ended; its exit status says why


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kills the probe and all that it started."""
    # it may have ended, or it runs as root through sudo and ends when its output is closed
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
