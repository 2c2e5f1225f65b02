"""Exceptions of paramiko as stage and reason; no other module knows them."""

import traceback

from paramiko import ssh_exception

from collector.trouble import HostTrouble
from domain.records import Stage

# Most specific first: a subclass comes before its base class.
_REASONS: tuple[tuple[type[Exception], Stage | None, str], ...] = (
    (ssh_exception.PasswordRequiredException, Stage.AUTH, "key_encrypted"),
    (ssh_exception.PartialAuthentication, Stage.AUTH, "auth_incomplete"),
    (ssh_exception.BadAuthenticationType, Stage.AUTH, "auth_rejected"),
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


def trouble(error: Exception, stage: Stage) -> HostTrouble | None:
    """What an exception of paramiko means at `stage`; None for one that no host can cause."""
    if stage is Stage.BANNER:
        return HostTrouble(stage, *_at_the_banner(error))
    for kind, at, reason in _REASONS:
        if isinstance(error, kind):
            return HostTrouble(at or stage, reason, str(error) or kind.__name__)
    return None


def of_transport(error: Exception, stage: Stage) -> HostTrouble:
    """What ended paramiko's own thread. It decodes what a host sends, and fails on nonsense in any way."""
    known = trouble(error, stage)
    return known or HostTrouble(stage, "protocol_error", f"{type(error).__name__}: {error}")


def _at_the_banner(error: Exception) -> tuple[str, str]:
    """An sshd over its limits closes the connection at once, or sends text that is not a greeting."""
    said = str(error).replace("Error reading SSH protocol banner", "closed before its greeting ").strip()
    if isinstance(error, ssh_exception.IncompatiblePeer):
        return "peer_too_old", said
    if "Indecipherable" in said or "Invalid SSH banner" in said:
        return "not_ssh", said
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
