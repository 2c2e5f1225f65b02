"""The keys we may log in with: read once, held in memory, never shown."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import paramiko

from archive.records import Host, Stage
from collector.trouble import HostTrouble

if TYPE_CHECKING:
    from paramiko.message import _LikeBytes as Signable

DEFAULT_KEY_FILES: Final = tuple(Path("~/.ssh") / name for name in ("id_ed25519", "id_ecdsa", "id_rsa"))
KEYS_OFFERED: Final = 5  # sshd hangs up after MaxAuthTries, 6 unless set; one try is kept in hand
_KEY_CLASSES: Final = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where keys come from. The passphrase comes from the environment or a file, never from a flag."""

    passphrase: str = field(default="", repr=False)
    use_agent: bool = True
    default_key_files: tuple[Path, ...] = DEFAULT_KEY_FILES


class _AgentKey(paramiko.AgentKey):
    """An agent's key that several connections sign with: the agent's socket takes one request at a time."""

    _turn = threading.Lock()

    def sign_ssh_data(self, data: "Signable", algorithm: str | None = None) -> paramiko.Message:
        with self._turn:
            return super().sign_ssh_data(data, algorithm)


class Keyring:
    """The keys of a session. Each file is read once, however many hosts name it."""

    def __init__(self, credentials: Credentials | None = None) -> None:
        self._credentials = credentials or Credentials()
        self._lock = threading.Lock()
        self._by_file: dict[Path, paramiko.PKey | HostTrouble] = {}
        self._agent: paramiko.Agent | None = None
        self._agent_keys: tuple[paramiko.PKey, ...] | None = None

    def keys_for(self, host: Host) -> tuple[paramiko.PKey, ...]:
        """The keys to offer, in order: the host's own alone, else the agent's and the account's default."""
        with self._lock:
            if host.key_file:
                return (self._raised(Path(host.key_file)),)
            files = [path.expanduser() for path in self._credentials.default_key_files]
            files = [path for path in files if path.exists()]
            usable = [key for path in files if isinstance(key := self._from_file(path), paramiko.PKey)]
            if not (offered := (*self._from_agent(), *usable)):
                if files:
                    self._raised(files[0])
                raise HostTrouble(Stage.AUTH, "no_key", "no key in an agent, in the inventory or in ~/.ssh")
            return offered[:KEYS_OFFERED]

    def close(self) -> None:
        """Lets go of the agent."""
        with self._lock:
            if self._agent is not None:
                self._agent.close()
            self._agent, self._agent_keys = None, None

    def _raised(self, path: Path) -> paramiko.PKey:
        key = self._from_file(path.expanduser())
        if isinstance(key, HostTrouble):
            raise HostTrouble(key.stage, key.reason, key.detail)
        return key

    def _from_file(self, path: Path) -> paramiko.PKey | HostTrouble:
        if path not in self._by_file:
            self._by_file[path] = load_key(path, self._credentials.passphrase)
        return self._by_file[path]

    def _from_agent(self) -> tuple[paramiko.PKey, ...]:
        if not self._credentials.use_agent:
            return ()
        if self._agent_keys is None:
            try:
                self._agent = paramiko.Agent()
                keys = self._agent.get_keys()
            except (paramiko.SSHException, OSError):
                keys = ()
            self._agent_keys = tuple(_AgentKey(key.agent, key.blob) for key in keys)
        return self._agent_keys


def load_key(path: Path, passphrase: str) -> paramiko.PKey | HostTrouble:
    """The private key in a file, with the certificate beside it where there is one."""
    problem = "no private key that this client knows"
    for key_class in _KEY_CLASSES:
        try:
            key = key_class.from_private_key_file(str(path), passphrase or None)
        except paramiko.PasswordRequiredException:
            return HostTrouble(Stage.AUTH, "key_encrypted", f"{path} needs a passphrase")
        except OSError as error:
            return HostTrouble(Stage.AUTH, "key_unreadable", f"{path}: {error.strerror}")
        except (paramiko.SSHException, ValueError, IndexError) as error:
            problem = str(error)
            continue
        certificate = Path(f"{path}-cert.pub")
        if certificate.exists():
            key.load_certificate(str(certificate))
        return key
    return HostTrouble(Stage.AUTH, "key_unreadable", f"{path}: {problem}")
