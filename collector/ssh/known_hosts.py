"""The known host keys, shared by all threads, and what they say about the key that a host shows."""

import base64
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from collector.ssh import accepted_keys, host_certificates
from collector.ssh.host_certificates import CertificateError
from collector.ssh.known_host_files import Files
from collector.ssh.known_host_lines import HostKey
from collector.ssh.policy import Policy
from domain.mistakes import OperatorError
from domain.records import HostKeyCheck

SSH_PORT: Final = 22

log = logging.getLogger("collector.hostkey")


class KeyCheck(StrEnum):
    """What the files say about the key of one host."""

    KNOWN = "known"
    UNKNOWN = "hostkey_unknown"
    TYPE_UNKNOWN = "hostkey_type_unknown"  # keys of other types are known for the host
    CHANGED = "hostkey_changed"  # another key of this type is known for the host
    REVOKED = "hostkey_revoked"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a host's key is accepted, and what there is to tell of it."""

    check: KeyCheck  # KNOWN: accepted
    how: HostKeyCheck = HostKeyCheck.KNOWN  # how an accepted one was checked
    detail: str = ""  # of an accepted key what the operator should know, of another why; "": nothing


class KnownHosts:
    """The content of known_hosts files, and the verdict under a policy. Only accept-new adds keys."""

    def __init__(
        self,
        paths: Iterable[Path] = (),
        policy: Policy = Policy.STRICT,
        accepted_path: Path | None = None,
    ) -> None:
        """Reads the files that exist, and what accept-new has kept. An unusable line is skipped.

        OperatorError for a file that cannot be read, or is over a limit.
        """
        self.policy = policy
        self.accepted_path = accepted_path
        self._learning = threading.Lock()
        self._files = Files(tuple(paths), accepted_path)
        self._learnt: list[tuple[str, HostKey]] = []

    @property
    def warning(self) -> str:
        """The unreadable lines, for the operator; "" if there are none."""
        return self._files.warning

    @property
    def learnt(self) -> tuple[tuple[str, HostKey], ...]:
        """The names and keys that accept-new has accepted so far."""
        return tuple(self._learnt)

    def refresh(self) -> None:
        """Read the files again if they have changed. If they cannot be read now, what was read counts on."""
        with self._learning:
            before = self._files
            try:
                self._files = before.refreshed()
            except OperatorError as error:
                log.warning("the host keys that were read before still count: %s", error)
                return
            if self._files is not before and self.warning not in ("", before.warning):
                log.warning("%s", self.warning)

    def keys(self, address: str, port: int = SSH_PORT) -> tuple[HostKey, ...]:
        """Every known key of a host, in the order of the files; the name without the port is tried last."""
        files = self._files
        found = files.find(host_name(address, port))
        return found or (files.find(host_name(address, SSH_PORT)) if port != SSH_PORT else ())

    def name_of(self, address: str, port: int = SSH_PORT) -> str:
        """The name under which the files have a host, with its port or without; "" if they have none."""
        names = host_name(address, port), host_name(address, SSH_PORT)
        return next((name for name in names if self._files.find(name)), "")

    def types(self, address: str, port: int = SSH_PORT) -> frozenset[str]:
        """The types of keys to ask the host for first: those that are known for it.

        Where names are hashed and `check` has not searched them for this host, these are the types of all
        hashed entries, because a search through thousands of them for every host would cost too much.
        """
        files = self._files
        found = files.types(host_name(address, port))
        return found or (files.types(host_name(address, SSH_PORT)) if port != SSH_PORT else found)

    def authorities(self, address: str, port: int = SSH_PORT) -> frozenset[HostKey]:
        """The keys that may certify this host's key; as in ssh, those of the name without its port last."""
        files = self._files
        return files.authorities(host_name(address, port)) or files.authorities(host_name(address, SSH_PORT))

    def check(self, address: str, port: int, key: HostKey) -> KeyCheck:
        """The verdict on this key for this host, regardless of the policy.

        A known key is found by the key itself; all hashed names are searched only for another verdict.
        """
        files, name = self._files, host_name(address, port)
        if self._revokes(address, port, key):
            return KeyCheck.REVOKED
        if files.has(name, key):
            return KeyCheck.KNOWN
        known = files.find(name)
        if not known and port != SSH_PORT and files.has(host_name(address, SSH_PORT), key):
            return KeyCheck.KNOWN
        if not known:
            return KeyCheck.UNKNOWN
        return KeyCheck.CHANGED if any(k.type == key.type for k in known) else KeyCheck.TYPE_UNKNOWN

    def admit(self, address: str, port: int, key: HostKey, certificate: bytes = b"") -> Verdict:
        """The verdict under the policy. accept-new keeps the key of a new host.

        `certificate` is the host's certificate for this key in wire form, if it showed one. As in ssh, the
        key alone counts where the certificate does not. OSError if a new key cannot be kept.
        """
        detail = ""
        if certificate:
            certified, detail = self._certified(address, port, key, certificate)
            if certified is not None:
                return Verdict(certified, HostKeyCheck.CERTIFIED, detail)
        check = self.check(address, port, key)
        if self.policy is Policy.OFF and check is not KeyCheck.REVOKED:
            told = f"its host key was not checked (ssh.host_key_policy: off): {key.type} {key.fingerprint}"
            return Verdict(KeyCheck.KNOWN, HostKeyCheck.OFF, told)
        if self.policy is Policy.ACCEPT_NEW and check is KeyCheck.UNKNOWN:
            return self._learn(address, port, key)
        return Verdict(check, detail="" if check is KeyCheck.KNOWN else detail)

    def _certified(
        self, address: str, port: int, key: HostKey, certificate: bytes
    ) -> tuple[KeyCheck | None, str]:
        """The verdict by a certificate, None if the key alone has to be checked, and why that is."""
        try:
            shown = host_certificates.parsed(certificate, key)
        except CertificateError as error:
            return None, str(error)
        if self._revokes(address, port, shown.authority):
            return KeyCheck.REVOKED, "the key that signed its certificate is revoked"
        if self._revokes(address, port, key):
            return KeyCheck.REVOKED, ""
        if shown.authority not in self.authorities(address, port):
            return None, "no @cert-authority line for it has the key that signed its certificate"
        problem = shown.problem(address.lower(), time.time())
        return (None, problem) if problem else (KeyCheck.KNOWN, "")

    def _revokes(self, address: str, port: int, key: HostKey) -> bool:
        names = {host_name(address, port), host_name(address, SSH_PORT)}
        return any(self._files.revokes(name, key) for name in names)

    def _learn(self, address: str, port: int, key: HostKey) -> Verdict:
        """Keep the key, unless another process has kept one for this host since the files were read."""
        name = host_name(address, port)
        if self.accepted_path is None:
            with self._learning:
                check = self.check(address, port, key)
                if check is KeyCheck.UNKNOWN:
                    self._files.accept(name, key)
        else:
            # a thread of this process waits here and not for the file, whose lock is the process's
            with self._learning, accepted_keys.adding_to(self.accepted_path) as addition:
                self._files = _read_again(self._files)
                check = self.check(address, port, key)
                if check is KeyCheck.UNKNOWN:
                    addition.append(line(name, key))
                    self._files = _read_again(self._files)
        if check is not KeyCheck.UNKNOWN:
            return Verdict(check)
        self._learnt.append((name, key))
        log.info("the key of %s is new, and is accepted: %s %s", name, key.type, key.fingerprint)
        told = f"its host key was new, and was accepted: {key.type} {key.fingerprint}"
        return Verdict(KeyCheck.KNOWN, HostKeyCheck.ACCEPTED, told)


def _read_again(files: Files) -> Files:
    """The entries as they are now; OSError if the files cannot be read, because no key is kept unseen."""
    try:
        return files.refreshed()
    except OperatorError as error:
        mistake = error.mistakes[0]
        raise OSError(0, mistake.problem, mistake.place) from error


def host_name(address: str, port: int) -> str:
    """The name of a host in known_hosts files."""
    address = address.lower()
    return address if port == SSH_PORT else f"[{address}]:{port}"


def line(name: str, key: HostKey) -> str:
    """One entry in the format of the files."""
    return f"{name} {key.type} {base64.b64encode(key.blob).decode()}\n"
