import inspect
import socket

import paramiko
import pytest
from paramiko import ssh_exception

from collector.ssh import faults
from domain.records import Stage

MADE: dict[str, Exception] = {
    "BadAuthenticationType": ssh_exception.BadAuthenticationType("no", ["password"]),
    "PartialAuthentication": ssh_exception.PartialAuthentication(["password"]),
    "UnableToAuthenticate": ssh_exception.UnableToAuthenticate(),
    "ChannelException": ssh_exception.ChannelException(1, "no"),
    "BadHostKeyException": ssh_exception.BadHostKeyException(
        "web1", paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    ),
    "ProxyCommandFailure": ssh_exception.ProxyCommandFailure("nc", "no"),
    "NoValidConnectionsError": ssh_exception.NoValidConnectionsError({("a", 22): OSError("no")}),
    "CouldNotCanonicalize": ssh_exception.CouldNotCanonicalize("no"),
    "ConfigParseError": ssh_exception.ConfigParseError("no"),
}
CLASSES = [
    kind
    for _, kind in inspect.getmembers(ssh_exception, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == ssh_exception.__name__
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_exception_of_paramiko_has_its_own_line(kind: type[Exception]) -> None:
    named = [known for known, _, _ in faults._REASONS]
    assert kind in named, f"{kind.__name__} is new in paramiko: give it a stage and a reason"
    error = MADE.get(kind.__name__) or kind("no")
    first = next(known for known in named if isinstance(error, known))
    assert first is kind, "a base class stands before it"
    trouble = faults.trouble(error, Stage.KEX)
    assert trouble is not None
    assert trouble.reason


@pytest.mark.parametrize(
    ("error", "stage", "expected"),
    [
        (ssh_exception.IncompatiblePeer("no acceptable kex"), Stage.KEX, (Stage.KEX, "peer_too_old")),
        (ssh_exception.AuthenticationException("no"), Stage.AUTH, (Stage.AUTH, "auth_rejected")),
        (EOFError(), Stage.KEX, (Stage.KEX, "connection_lost")),
        (ConnectionResetError(), Stage.READ, (Stage.READ, "connection_lost")),
        (socket.gaierror("x"), Stage.EXEC, (Stage.EXEC, "connection_lost")),
        (ssh_exception.SSHException("x"), Stage.EXEC, (Stage.EXEC, "protocol_error")),
        (ssh_exception.SSHException("Error reading SSH protocol banner"), Stage.BANNER,
         (Stage.BANNER, "throttled")),
        (EOFError(), Stage.BANNER, (Stage.BANNER, "throttled")),
        (ssh_exception.SSHException('Indecipherable protocol version "HTTP/1.1"'), Stage.BANNER,
         (Stage.BANNER, "not_ssh")),
        (ssh_exception.IncompatiblePeer("version 1.5"), Stage.BANNER, (Stage.BANNER, "peer_too_old")),
    ],
)  # fmt: skip
def test_reasons(error: Exception, stage: Stage, expected: tuple[Stage, str]) -> None:
    trouble = faults.trouble(error, stage)
    assert trouble is not None
    assert (trouble.stage, trouble.reason) == expected


@pytest.mark.parametrize("error", [RuntimeError("x"), ValueError("x"), KeyError("x"), AttributeError("x")])
def test_a_bug_is_no_trouble_of_a_host(error: Exception) -> None:
    assert faults.trouble(error, Stage.READ) is None


def test_whatever_ends_the_librarys_thread_is() -> None:
    trouble = faults.of_transport(IndexError("list index out of range"), Stage.KEX)
    assert (trouble.stage, trouble.reason) == (Stage.KEX, "protocol_error")
