"""The log-in: keys are offered one after the other, until the server takes one or ends it."""

import getpass
import threading
from collections.abc import Sequence

import paramiko

from collector.connection import Connection
from collector.ssh import negotiation
from collector.trouble import HostTrouble
from collector.watchdog import POLL_S
from domain.records import Stage


def log_in(connection: Connection, keys: Sequence[paramiko.PKey]) -> None:
    """Logs in with the first key that the server takes; HostTrouble if it takes none."""
    connection.enter(Stage.AUTH, connection.limits.auth_s)
    user = connection.host.user or _own_account()
    for number, key in enumerate(keys, 1):
        try:
            let_in = _offer(connection, user, key)
        except (HostTrouble, paramiko.SSHException) as error:
            if (closed := _closed(connection, user, keys, number)) is not None:
                raise closed from error
            raise
        answer = "accepted" if let_in else "refused"
        connection.stages.ended("auth", "publickey of %s, %s, %s", user, negotiation.KeyName(key), answer)
        if let_in:
            return
    raise _rejected(user, keys, connection.transport.farewell)


def _offer(connection: Connection, user: str, key: paramiko.PKey) -> bool:
    """Whether the server takes a key. HostTrouble if it ended the connection in place of an answer."""
    transport = connection.transport
    done = threading.Event()
    transport.auth_publickey(user, key, done)
    try:
        connection.wait(done)
    except HostTrouble as trouble:
        # an answer that came before the end of the connection is an answer
        if trouble.reason != "connection_lost" or not transport.is_refused:
            raise
        return False
    if transport.is_refused:
        return False
    if not transport.is_authenticated() and not transport.is_active():
        raise HostTrouble(Stage.AUTH, "connection_lost", "closed during the log-in")
    return transport.is_authenticated()


def _closed(
    connection: Connection, user: str, keys: Sequence[paramiko.PKey], number: int
) -> HostTrouble | None:
    """What it means that the server ended the connection at key `number`: it has had enough of them.

    It says so in place of an answer, or after one, or not at all; and it may end it before the next key
    is on its way, or after that. None if it ended for another reason, or not at all.
    """
    transport = connection.transport
    transport.join(POLL_S)
    if transport.is_active() or connection.is_cut:
        return None
    if number == 1 and not transport.farewell:
        return None
    if number < len(keys):
        detail = f"it ended the log-in of {user} at key {number} of {len(keys)}"
        return HostTrouble(Stage.AUTH, "too_many_keys", f"{detail}: {transport.farewell}".rstrip(": "))
    return _rejected(user, keys, transport.farewell)


def _rejected(user: str, keys: Sequence[paramiko.PKey], farewell: str = "") -> HostTrouble:
    names = ", ".join(str(negotiation.KeyName(key)) for key in keys)
    words = f" ({farewell})" if farewell else ""
    return HostTrouble(Stage.AUTH, "auth_rejected", f"{user} may not log in{words} with {names}")


def _own_account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        detail = "the account that runs mapsweep has no name"
        raise HostTrouble(Stage.AUTH, "no_account", detail) from None
