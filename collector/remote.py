"""One host over SSH: connect, check its key, log in, run the probe, read. Every stage has its deadline."""

import contextlib
import errno
import logging
import os
import random
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import paramiko

from collector import command, greeting, probe, turns
from collector.budget import Share
from collector.connection import Connection, cut
from collector.log_in import log_in
from collector.processes import NoProcessError
from collector.session import Session
from collector.ssh import addresses, faults, negotiation
from collector.ssh.known_hosts import KeyCheck
from collector.trouble import HostTrouble
from collector.watchdog import INTERRUPTED
from domain.records import Dump, Failure, Host, Stage
from domain.troubles.table import RETRIED

BACKOFF_S: Final = 1.0
BACKOFF_MAX_S: Final = 30.0

# The Failure has the message about a host; paramiko would log a traceback for each.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


def collect(host: Host, session: Session, share: Share | None = None) -> Dump | Failure:
    """Reads one host, within its share of the memory of the sweep.

    Only what another connection can cure is tried again, as the table of troubles says.
    """
    attempt, share = 1, share or session.budget.share()
    while True:
        share.shrink()
        turn = turns.begin(host, attempt, share)
        asked_types = session.known_hosts.types(*greeting.known_as(host))
        try:
            return _attempt(turn, session)
        except HostTrouble as trouble:
            if session.watchdog.interrupted:
                return turn.failed(HostTrouble(trouble.stage, INTERRUPTED))
            if (
                trouble.reason == KeyCheck.TYPE_UNKNOWN
                and session.known_hosts.types(*greeting.known_as(host)) != asked_types
            ):
                continue  # hashed names were searched for the verdict: now the right type can be asked for
            if trouble.reason not in RETRIED or attempt >= session.limits.attempts:
                return turn.failed(trouble)
            turn.stages.ended(trouble.stage, "%s in attempt %d, tried again", trouble.reason, attempt)
        # full jitter, so that hosts that were throttled together do not retry together
        session.watchdog.pause(random.uniform(0, min(BACKOFF_MAX_S, BACKOFF_S * 2**attempt)))  # noqa: S311  # no secret
        attempt += 1


def _attempt(turn: turns.Turn, session: Session) -> Dump:
    limits, watchdog, stages = session.limits, session.watchdog, turn.stages
    keys = session.keyring.keys_for(turn.host, min(limits.auth_s, limits.total_s), watchdog.wait)
    stages.ended("keys", "%d to offer", len(keys))
    endpoints = addresses.resolve(turn.host, limits.dns_s, wait=watchdog.wait)
    stages.ended("dns", "addresses of %s: %d", turn.host.address, len(endpoints))
    line = _Line()
    with (
        watchdog.guard(line.cut) as guard,
        contextlib.closing(addresses.connect(endpoints, limits, line.hold)) as sock,
    ):
        stages.ended("tcp", "connected to %s", negotiation.PeerName(sock))
        try:
            connection = Connection(turn, session, sock, guard)
        except Exception as error:
            raise faults.explained(error, Stage.BANNER) from error
        try:
            return _dump(turn, connection, keys)
        except (HostTrouble, NoProcessError):
            raise
        except Exception as error:
            raise connection.explained(error) from error
        finally:
            connection.close()


def _dump(turn: turns.Turn, connection: Connection, keys: Sequence[paramiko.PKey]) -> Dump:
    """All stages after the connect."""
    session = connection.session
    drawn = probe.draw(turn.host, session.limits, session.evidence)
    greeting.greet(connection)
    admitted = greeting.admit(connection)
    log_in(connection, keys)
    received = command.run(connection, drawn)
    connection.close()  # the host need not wait while what came is unpacked
    dump = turns.conclude(turn, drawn, received, session)
    problem = "; ".join(filter(None, (dump.problem, admitted.detail)))
    return replace(dump, host_key=admitted.how, problem=problem)


class _Line:
    """The socket of one attempt, if there is one yet, and a way to end all waiting on it."""

    def __init__(self) -> None:
        self._sock: socket.socket | None = None
        self._is_cut = False

    def hold(self, sock: socket.socket) -> None:
        self._sock = sock
        if self._is_cut:  # before there was a socket
            raise ConnectionAbortedError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))

    def cut(self) -> None:
        self._is_cut = True
        if self._sock is not None:
            cut(self._sock)
