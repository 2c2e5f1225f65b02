"""The channel of one command: its input, both outputs, its exit status.

What the command was is told by what the host sends: its output, the end of that, and the exit status. The
order of the last two differs by server, and a busy host sends any of them late. So nothing is taken for
missing before the host has closed the channel, or a limit of the run is met.
"""

import time
from typing import Final

import paramiko

from collector import probe
from collector.connection import Connection
from collector.intake import READ_BYTES, SILENCE_S, Intake
from collector.trouble import HostTrouble
from collector.turns import Received
from collector.watchdog import INTERRUPTED, POLL_S
from domain.records import Stage

STDERR_READS_PER_TURN: Final = 64


def run(connection: Connection, drawn: probe.Probe) -> Received:
    """Runs the probe, and reads until it ends or a limit is met."""
    limits, become = connection.limits, connection.host.become
    connection.enter(Stage.SUDO if become else Stage.EXEC, limits.exec_s)
    # the deadline of the stage ends the wait, so the library's own only has to be later
    channel = connection.transport.open_session(timeout=limits.exec_s + limits.total_s)
    _execute(connection, channel, drawn.command)
    unsent = _send(channel, drawn.standard_input)
    connection.stages.ended("exec", "the probe was started%s", " by sudo" if become else "")
    intake = Intake(drawn, limits, connection.share, connection.session.spool(), lambda: connection.is_cut)
    while not intake.cut and not connection.is_cut and _read(connection, channel, intake):
        if intake.begun and connection.stage is not Stage.READ:
            connection.enter(Stage.READ, limits.total_s)
            connection.stages.ended("first byte", "the stream has begun")
    _await_status(connection, channel, intake)
    if (overdue := connection.overdue()) is not None:
        if overdue.reason == INTERRUPTED or not (intake.begun or _has_status(channel)):
            raise overdue
        if intake.begun:
            intake.cut = overdue.detail
    capture = intake.capture(channel.exit_status if _has_status(channel) else None)
    connection.stages.ended("read", "%s", capture)
    if not intake.begun and not intake.cut and _is_lost(connection, channel):
        raise unsent or _what_ended_it(connection)
    return capture


def _execute(connection: Connection, channel: paramiko.Channel, line: str) -> None:
    try:
        channel.exec_command(line)
    except (paramiko.SSHException, EOFError):
        # the library sends an EOF on a channel whose request is refused, none on that of a lost connection
        if connection.is_cut or (connection.transport.has_ended and not channel.eof_sent):
            raise
        raise HostTrouble(Stage.EXEC, "exec_refused", "the server refused to execute a command") from None


def _send(channel: paramiko.Channel, content: bytes) -> OSError | None:
    """Writes the probe's input; gives the error if the command ended and closed the channel before.

    The reason and the exit status must still be read.
    """
    channel.settimeout(None)  # sshd lets nobody write at first; the deadline of the stage ends the wait
    try:
        channel.sendall(content)
        channel.shutdown_write()
    except OSError as error:
        return error
    finally:
        channel.settimeout(SILENCE_S)
    return None


def _read(connection: Connection, channel: paramiko.Channel, intake: Intake) -> bool:
    """Reads some of both outputs, because one that nobody reads blocks the other. False at the end."""
    has_status = _has_status(channel)  # before the wait: what came with it comes first
    try:
        chunk = channel.recv(READ_BYTES)
    except TimeoutError:
        chunk = None
    _drain_stderr(channel, intake)
    if chunk is None:
        arrived = connection.transport.arrived_bytes
        return channel.recv_ready() or intake.is_awaited(has_ended=has_status, arrived_bytes=arrived)
    intake.take(chunk)
    return bool(chunk)


def _drain_stderr(channel: paramiko.Channel, intake: Intake) -> None:
    """Reads standard error, a limited number of times, because a host may send faster than this reads."""
    for _ in range(STDERR_READS_PER_TURN):
        if not channel.recv_stderr_ready():
            return
        intake.take_stderr(channel.recv_stderr(READ_BYTES))


def _has_status(channel: paramiko.Channel) -> bool:
    """Whether the exit status has come, which is no end of the output."""
    return channel.status_event.is_set() and channel.exit_status >= 0


def _await_status(connection: Connection, channel: paramiko.Channel, intake: Intake) -> None:
    """Waits for the exit status, or for the host to close the channel, as long as for any byte of it."""
    until_s = time.monotonic() + connection.limits.idle_s
    while not (intake.cut or connection.is_cut or channel.status_event.wait(POLL_S)):
        if time.monotonic() >= until_s:
            break
    _drain_stderr(channel, intake)


def _what_ended_it(connection: Connection) -> Exception:
    """The fault in what the host sent, if there was one; else that it closed the connection."""
    error = connection.transport.ended_by
    return error if type(error) is paramiko.SSHException else EOFError("closed before the probe began")


def _is_lost(connection: Connection, channel: paramiko.Channel) -> bool:
    """Whether the connection ended first: the host sent neither the exit status nor the output's end."""
    return connection.transport.has_ended and not (_has_status(channel) or channel.eof_received)
