"""Each fault of the farm: what answers, and the stage and the reason that its hosts must end with."""

from dataclasses import dataclass
from typing import Final

from domain.records import Stage
from tests.farm.fakes import GREETING, Script, offers, packet, says


@dataclass(frozen=True, slots=True)
class Kind:
    """One fault: `lines` of sshd's configuration for its addresses, or the `script` of a fake server."""

    name: str
    stage: Stage
    reason: str
    lines: tuple[str, ...] = ()
    script: Script | None = None
    become: bool = False
    own_key: bool = True  # the host names the right key; else strangers are offered
    account: str = ""  # that logs in; it takes root to give it a shell, and the real sudo its ...
    sudoers: str = ""  # ... lines of sudoers

    @property
    def waits(self) -> bool:
        """Whether the host ends at a deadline."""
        return self.reason.endswith("_timeout")


# FOLDER is the server's own
OF_SSHD: Final = (
    Kind("nologin", Stage.EXEC, "nologin", ("ForceCommand /usr/sbin/nologin",)),
    Kind("false", Stage.EXEC, "no_stream", ("ForceCommand /bin/false",)),
    Kind("ends at once", Stage.EXEC, "no_stream", ("ForceCommand exit 0",)),
    Kind("killed shell", Stage.EXEC, "no_stream", ("ForceCommand kill -9 $$",)),
    Kind("sftp only", Stage.EXEC, "no_stream", ("ForceCommand internal-sftp",)),
    Kind("no such shell", Stage.EXEC, "no_shell", ("ForceCommand exec /no/such/shell",)),
    Kind("no sessions", Stage.EXEC, "exec_refused", ("MaxSessions 0",)),
    Kind("other keys", Stage.AUTH, "auth_rejected", ("AuthorizedKeysFile none",)),
    Kind("passwords only", Stage.AUTH, "auth_method",
         ("PubkeyAuthentication no", "PasswordAuthentication yes")),
    Kind("second factor", Stage.AUTH, "auth_incomplete",
         ("AuthenticationMethods publickey,password", "PasswordAuthentication yes")),
    Kind("few tries", Stage.AUTH, "too_many_keys", ("MaxAuthTries 2",), own_key=False),
    Kind("one try", Stage.AUTH, "auth_rejected", ("MaxAuthTries 1", "AuthorizedKeysFile none")),
    Kind("sudo password", Stage.SUDO, "sudo_password", become=True,
         account="nobody", sudoers="nobody ALL=(ALL) ALL"),
    Kind("sudo tty", Stage.SUDO, "sudo_tty", become=True,
         account="games", sudoers="Defaults:games requiretty\ngames ALL=(root) NOPASSWD: ALL"),
    Kind("sudo stranger", Stage.SUDO, "sudo_not_allowed", become=True,
         account="mail", sudoers="Defaults:mail !authenticate"),
    Kind("sudo elsewhere", Stage.SUDO, "sudo_refused",
         ("SetEnv HOME=FOLDER/home PATH=FOLDER/elsewhere:/usr/bin:/bin",), become=True),
    Kind("no sudo", Stage.SUDO, "sudo_missing",
         ("SetEnv HOME=FOLDER/home PATH=FOLDER/nothing",), become=True),
)  # fmt: skip
SUDO_ELSEWHERE: Final = "sudo : il est nécessaire de saisir un mot de passe"  # as it is translated
_HTTP: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
_STRICT: Final = offers(b"sntrup761x25519-sha512", b"ssh-ed25519", *([b"chacha20-poly1305@openssh.com"] * 2))
_OLD: Final = offers(b"diffie-hellman-group1-sha1", b"ssh-dss", *([b"3des-cbc"] * 2), *([b"hmac-md5"] * 2))
OF_FAKES: Final = (
    Kind("http", Stage.BANNER, "not_ssh", script=says(_HTTP, hears_first=True)),
    Kind("http, kept open", Stage.BANNER, "not_ssh", script=says(_HTTP, closes=False, hears_first=True)),
    Kind("tls", Stage.BANNER, "not_ssh", script=says(b"\x15\x03\x01\x00\x02\x02\x46", hears_first=True)),
    Kind("mysql", Stage.BANNER, "not_ssh", script=says(b"\x4a\x00\x00\x00\x0a8.0.36\x00", closes=False)),
    Kind("closes", Stage.BANNER, "throttled", script=says()),
    Kind("full", Stage.BANNER, "throttled", script=says(b"Exceeded MaxStartups\r\n")),
    Kind("penalty", Stage.BANNER, "throttled", script=says(b"Not allowed at this time\r\n")),
    Kind("silent", Stage.BANNER, "banner_timeout", script=says(closes=False)),
    Kind("drips", Stage.BANNER, "banner_timeout", script=says(b"SSH-2", closes=False)),
    Kind("kex silent", Stage.KEX, "kex_timeout", script=says(GREETING, closes=False)),
    Kind("kex closes", Stage.KEX, "connection_lost", script=says(GREETING)),
    Kind("kex resets", Stage.KEX, "connection_lost", script=says(GREETING, resets=True)),
    Kind("nonsense", Stage.KEX, "protocol_error", script=says(GREETING, packet(b"\x14short"), closes=False)),
    Kind("old", Stage.KEX, "peer_too_old", script=says(GREETING, _OLD, closes=False)),
    Kind("version 1", Stage.KEX, "peer_too_old", script=says(b"SSH-1.5-old\r\n", closes=False)),
    Kind("strict", Stage.KEX, "peer_too_strict",
         script=says(GREETING, _STRICT, closes=False)),
)  # fmt: skip
