"""The keys to log in with: read once, held in memory, never shown."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

import paramiko

from collector.ssh import key_files, public_files
from collector.ssh.key_files import KeyFile
from collector.trouble import HostTrouble
from domain.records import Host, Stage

if TYPE_CHECKING:
    from paramiko.message import _LikeBytes as Signable

DEFAULT_KEY_FILES: Final = tuple(Path("~/.ssh") / name for name in ("id_ed25519", "id_ecdsa", "id_rsa"))
KEYS_OFFERED: Final = 5  # sshd disconnects after MaxAuthTries, 6 by default; one try is kept in reserve
KEYS_S: Final = 15.0  # how long the agent and each key file may take, unless the caller says otherwise

T = TypeVar("T")
Wait: TypeAlias = Callable[[threading.Event, float], bool]  # has the signature of threading.Event.wait


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where keys come from. The passphrase comes from the environment or a file, never from a flag."""

    passphrase: str = field(default="", repr=False)
    use_agent: bool = True
    default_key_files: tuple[Path, ...] = DEFAULT_KEY_FILES


class _AgentKey(paramiko.AgentKey):
    """A key in the agent that several connections use: the agent's socket takes one request at a time."""

    _turn = threading.Lock()

    def sign_ssh_data(self, data: "Signable", algorithm: str | None = None) -> paramiko.Message:
        with self._turn:
            return super().sign_ssh_data(data, algorithm)


class _Once(Generic[T]):
    """A value that a thread fetches once; the thread is abandoned if the agent or disk never answers."""

    def __init__(self, name: str, fetch: Callable[[], T]) -> None:
        self._began_s = time.monotonic()
        self._ended = threading.Event()
        self._fetched: list[T | Exception] = []
        threading.Thread(target=self._run, args=(fetch,), name=name, daemon=True).start()

    def _run(self, fetch: Callable[[], T]) -> None:
        try:
            self._fetched.append(fetch())
        except Exception as error:  # noqa: BLE001 - raised again for whoever asks
            self._fetched.append(error)
        self._ended.set()

    def get(self, seconds: float, wait: Wait) -> T | None:
        """The value; None if it is not there `seconds` after the first request. Later callers do not wait."""
        left_s = self._began_s + seconds - time.monotonic()
        if not self._ended.is_set() and not (left_s > 0 and wait(self._ended, left_s)):
            return None
        if isinstance(fetched := self._fetched[0], Exception):
            raise fetched
        return fetched


class Keyring:
    """The keys of a session. Each file is read once, however many hosts name it."""

    def __init__(self, credentials: Credentials | None = None) -> None:
        self._credentials = credentials or Credentials()
        self._lock = threading.Lock()  # held only while a thread is started
        self._by_file: dict[tuple[str, tuple[str, ...]], _Once[KeyFile]] = {}
        self._certificates: dict[tuple[str, ...], _Once[tuple[tuple[bytes, bytes], ...]]] = {}
        self._agent: _Once[tuple[paramiko.PKey, ...]] | None = None
        self._opened: list[paramiko.Agent] = []

    def keys_for(
        self, host: Host, seconds: float = KEYS_S, wait: Wait = threading.Event.wait
    ) -> tuple[paramiko.PKey, ...]:
        """The keys to offer, in order.

        Only the host's own key; or else the key files that ssh_config names for it, then the agent's
        keys; or else the keys of the agent and of the account. A certificate comes before its plain key.
        The agent and each file have `seconds`; `wait` can end the waiting before that. HostTrouble
        where there is no key.
        """
        search = _Search(self, host, seconds, wait)
        if host.key_file:
            file = search.file(host.key_file)
            if file.trouble is not None:
                raise _again(file.trouble)
            return file.keys
        if host.key_files or host.identities_only:
            return search.configured(self._default_names)
        from_agent = search.agent()
        files = [search.from_file(name) for name in self._default_names]
        offered = (*(from_agent or ()), *(key for file in files for key in file.keys))
        if offered:
            return offered[:KEYS_OFFERED]
        for file in files:
            if file.trouble is not None and not file.missing:
                raise _again(file.trouble)
        if from_agent is None:
            raise HostTrouble(Stage.AUTH, "agent_timeout", f"the agent did not answer within {seconds:g} s")
        raise HostTrouble(Stage.AUTH, "no_key", "no key in an agent, in the inventory or in ~/.ssh")

    def close(self) -> None:
        """Closes the connection to the agent."""
        with self._lock:
            for agent in self._opened:
                agent.close()
            self._opened.clear()
            self._agent = None

    @property
    def _default_names(self) -> tuple[str, ...]:
        return tuple(map(str, self._credentials.default_key_files))

    def from_file(self, name: str, certificates: tuple[str, ...], seconds: float, wait: Wait) -> KeyFile:
        """A key file, with those of these files of certificates that are for its key."""
        wanted = name, certificates
        with self._lock:
            if wanted not in self._by_file:
                self._by_file[wanted] = _Once("key file", lambda: self._load(*wanted))
            once = self._by_file[wanted]
        detail = f"{name} could not be read within {seconds:g} s"
        return once.get(seconds, wait) or KeyFile(trouble=HostTrouble(Stage.AUTH, "key_timeout", detail))

    def certificates(
        self, files: tuple[str, ...], seconds: float, wait: Wait
    ) -> tuple[tuple[bytes, bytes], ...]:
        """The certificates in files, each with its public key; HostTrouble if one is not readable."""
        with self._lock:
            if files not in self._certificates:
                paths = tuple(map(Path, files))
                self._certificates[files] = _Once("certificates", lambda: public_files.certificates_in(paths))
            once = self._certificates[files]
        found = once.get(seconds, wait)
        if found is None:
            raise HostTrouble(Stage.AUTH, "key_timeout", f"{', '.join(files)} could not be read in time")
        return found

    def _load(self, name: str, certificates: tuple[str, ...]) -> KeyFile:
        try:
            path = Path(name).expanduser()
        except RuntimeError as error:  # ~ of an account that is not there
            return KeyFile(trouble=HostTrouble(Stage.AUTH, "key_unreadable", f"{name} ({error})"))
        return key_files.load(path, self._credentials.passphrase, tuple(map(Path, certificates)))

    def from_agent(self, seconds: float, wait: Wait) -> tuple[paramiko.PKey, ...] | None:
        """The keys of the agent; None if it does not answer."""
        if not self._credentials.use_agent:
            return ()
        with self._lock:
            if self._agent is None:
                self._agent = _Once("agent", self._ask_agent)
            once = self._agent
        return once.get(seconds, wait)

    def _ask_agent(self) -> tuple[paramiko.PKey, ...]:
        try:
            agent = paramiko.Agent()
            with self._lock:
                self._opened.append(agent)
            return tuple(_AgentKey(key.agent, key.blob) for key in agent.get_keys())
        except Exception:  # noqa: BLE001 - an agent that talks nonsense has no key for us
            return ()


class _Search:
    """The search for the keys of one host."""

    def __init__(self, keyring: Keyring, host: Host, seconds: float, wait: Wait) -> None:
        self._keyring = keyring
        self._host = host
        self._seconds = seconds
        self._wait = wait

    def from_file(self, name: str) -> KeyFile:
        return self._keyring.from_file(name, self._host.certificate_files, self._seconds, self._wait)

    def file(self, name: str) -> KeyFile:
        """A key that is named; if the file does not give the private key, the agent may have it."""
        file = self.from_file(name)
        if not file.public:
            return file
        agent = self._keyring.from_agent(self._seconds, self._wait) or ()
        plain = [key for key in agent if key.asbytes() == file.public]
        if not plain:
            return file
        certified = [_certified(key, blob) for key in plain for blob in file.certificates]
        return KeyFile((*certified, *plain))

    def agent(self) -> tuple[paramiko.PKey, ...] | None:
        """All keys of the agent, each after its certificates; None if the agent does not answer."""
        keys = self._keyring.from_agent(self._seconds, self._wait)
        if not keys or not self._host.certificate_files:
            return keys
        made = self._keyring.certificates(self._host.certificate_files, self._seconds, self._wait)
        certified = [
            _certified(key, blob) for key in keys for blob, public in made if key.asbytes() == public
        ]
        return (*certified, *keys)

    def configured(self, default_names: tuple[str, ...]) -> tuple[paramiko.PKey, ...]:
        """The keys of the files that ssh_config names, then the agent's unless only these are wanted."""
        names = self._host.key_files or default_names
        files = [self.file(name) for name in names]
        offered = [key for file in files for key in file.keys]
        agent = () if self._host.identities_only else self.agent()
        seen = {_identity(key) for key in offered}
        offered += [key for key in agent or () if _identity(key) not in seen]
        if offered:
            return tuple(offered[:KEYS_OFFERED])
        troubles = [file.trouble for file in files if file.trouble is not None]
        there = [file.trouble for file in files if file.trouble is not None and not file.missing]
        if there or troubles:
            raise _again((there or troubles)[0])
        raise HostTrouble(
            Stage.AUTH, "no_key", "ssh_config names no key, and IdentitiesOnly leaves out the agent"
        )


def _identity(key: paramiko.PKey) -> bytes:
    """What is offered to the server: the certificate, or the public key."""
    return bytes(key.public_blob.key_blob) if key.public_blob else key.asbytes()


def _certified(key: paramiko.PKey, certificate: bytes) -> paramiko.PKey:
    """A key of the agent with a certificate from a file."""
    if not isinstance(key, paramiko.AgentKey):
        raise TypeError(f"not a key of an agent: {type(key).__name__}")
    made = _AgentKey(key.agent, key.blob)
    made.load_certificate(paramiko.Message(certificate))
    return made


def _again(trouble: HostTrouble) -> HostTrouble:
    """A copy of the trouble for another host, because an exception must be raised only once."""
    return HostTrouble(trouble.stage, trouble.reason, trouble.detail)
