"""The keys to log in with: read once, held in memory, never shown."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

import paramiko

from collector.ssh import key_files
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
        self._by_file: dict[str, _Once[KeyFile]] = {}
        self._agent: _Once[tuple[paramiko.PKey, ...]] | None = None
        self._opened: list[paramiko.Agent] = []

    def keys_for(
        self, host: Host, seconds: float = KEYS_S, wait: Wait = threading.Event.wait
    ) -> tuple[paramiko.PKey, ...]:
        """The keys to offer, in order: only the host's own key, or else those of the agent and the account.

        The agent and each file have `seconds`; `wait` can end the waiting before that. HostTrouble
        where there is no key.
        """
        if host.key_file:
            return self._own(host.key_file, seconds, wait)
        from_agent = self._from_agent(seconds, wait)
        files = [self._from_file(str(path), seconds, wait) for path in self._credentials.default_key_files]
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

    def _own(self, name: str, seconds: float, wait: Wait) -> tuple[paramiko.PKey, ...]:
        """The key that a host names; if it is encrypted, the agent may have it."""
        file = self._from_file(name, seconds, wait)
        if file.trouble is None:
            return file.keys
        if file.trouble.reason == "key_encrypted" and file.public:
            unlocked = [key for key in self._from_agent(seconds, wait) or () if key.asbytes() == file.public]
            if unlocked:
                return tuple(unlocked)
        raise _again(file.trouble)

    def _from_file(self, name: str, seconds: float, wait: Wait) -> KeyFile:
        with self._lock:
            if name not in self._by_file:
                self._by_file[name] = _Once("key file", lambda: self._load(name))
            once = self._by_file[name]
        detail = f"{name} could not be read within {seconds:g} s"
        return once.get(seconds, wait) or KeyFile(trouble=HostTrouble(Stage.AUTH, "key_timeout", detail))

    def _load(self, name: str) -> KeyFile:
        try:
            path = Path(name).expanduser()
        except RuntimeError as error:  # ~ of an account that is not there
            return KeyFile(trouble=HostTrouble(Stage.AUTH, "key_unreadable", f"{name} ({error})"))
        return key_files.load(path, self._credentials.passphrase)

    def _from_agent(self, seconds: float, wait: Wait) -> tuple[paramiko.PKey, ...] | None:
        """None if the agent does not answer."""
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


def _again(trouble: HostTrouble) -> HostTrouble:
    """A copy of the trouble for another host, because an exception must be raised only once."""
    return HostTrouble(trouble.stage, trouble.reason, trouble.detail)
