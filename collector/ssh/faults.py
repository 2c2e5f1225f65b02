"""Exceptions of paramiko as stage and reason; no other module knows them."""

import re
import traceback
from typing import Final

from paramiko import ssh_exception

from collector.ssh import bounds
from collector.trouble import HostTrouble, one_line
from domain.records import Stage

# Most specific first: a subclass comes before its base class.
_REASONS: tuple[tuple[type[Exception], Stage | None, str], ...] = (
    (ssh_exception.PasswordRequiredException, Stage.AUTH, "key_encrypted"),
    (ssh_exception.PartialAuthentication, Stage.AUTH, "auth_incomplete"),
    (ssh_exception.BadAuthenticationType, Stage.AUTH, "auth_method"),
    (ssh_exception.UnableToAuthenticate, Stage.AUTH, "auth_rejected"),
    (ssh_exception.AuthenticationException, Stage.AUTH, "auth_rejected"),
    (ssh_exception.BadHostKeyException, Stage.HOSTKEY, "hostkey_changed"),
    (ssh_exception.IncompatiblePeer, Stage.KEX, "peer_too_old"),
    (ssh_exception.ChannelException, Stage.EXEC, "exec_refused"),
    (ssh_exception.MessageOrderError, None, "protocol_error"),
    (ssh_exception.ProxyCommandFailure, Stage.TCP, "proxy_failed"),
    (ssh_exception.CouldNotCanonicalize, Stage.DNS, "dns_not_found"),
    (ssh_exception.ConfigParseError, None, "protocol_error"),
    (ssh_exception.NoValidConnectionsError, Stage.TCP, "tcp_refused"),
    (ssh_exception.SSHException, None, "protocol_error"),
    (EOFError, None, "connection_lost"),
    (OSError, None, "connection_lost"),
)


# what an sshd over its limits says in plain text in place of its greeting
_BUSY: Final = re.compile(rb"(?i)exceeded maxstartups|not allowed at this time|too many |try again later")
_AGENT_REFUSED: Final = "key cannot be used for signing"  # the library's words


def trouble(error: Exception, stage: Stage, heard: bytes = b"") -> HostTrouble | None:
    """What an exception of paramiko means at `stage`; None for one that no host can cause.

    `heard` is what the server sent first.
    """
    if stage is Stage.BANNER:
        return HostTrouble(stage, *_at_the_banner(error, heard))
    if stage is Stage.AUTH and _AGENT_REFUSED in str(error):
        return HostTrouble(stage, "agent_refused", "the agent does not sign with the key that it lists")
    for kind, at, reason in _REASONS:
        if isinstance(error, kind):
            return HostTrouble(at or stage, reason, str(error) or kind.__name__)
    return None


def of_transport(error: Exception, stage: Stage, heard: bytes = b"") -> HostTrouble:
    """What ended paramiko's own thread. It decodes what a host sends, and fails on nonsense in any way."""
    known = trouble(error, stage, heard)
    return known or HostTrouble(stage, "protocol_error", f"{type(error).__name__}: {error}")


def is_another_service(heard: bytes) -> bool:
    """Whether something came first that is neither an SSH greeting nor what a busy sshd says."""
    return bool(heard.strip()) and b"SSH-" not in heard and not _BUSY.search(heard)


def _at_the_banner(error: Exception, heard: bytes) -> tuple[str, str]:
    """An sshd over its limits closes the connection at once, or sends text that is not a greeting."""
    said = str(error).replace("Error reading SSH protocol banner", "closed before its greeting ").strip()
    if isinstance(error, ssh_exception.IncompatiblePeer):
        return "peer_too_old", said
    if bounds.TOO_LONG in said:
        return "not_ssh", bounds.TOO_LONG
    if "Indecipherable" in said or "Invalid SSH banner" in said:
        return "not_ssh", said
    if is_another_service(heard):
        return "not_ssh", f"it said: {one_line(heard, 80)}"
    return "throttled", said


def explained(error: Exception, stage: Stage) -> HostTrouble:
    """An exception as the trouble of a host if it came out of the library, else as a bug of ours."""
    known: HostTrouble | None = None
    if isinstance(error, (ssh_exception.SSHException, EOFError, OSError)):
        known = trouble(error, stage)
    elif _is_librarys(error):  # it decodes what the host sends, and fails on nonsense in any way
        known = HostTrouble(stage, "protocol_error", f"{type(error).__name__}: {error}")
    return known or HostTrouble.of_error(stage, error)


def _is_librarys(error: Exception) -> bool:
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(str(frame.f_globals.get("__name__", "")).startswith("paramiko.") for frame in frames)
