"""The private keys by which encrypted dumps are read: a file of age's, or a private key of SSH."""

import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from archive.regular_file import opened
from domain.mistakes import Mistake, OperatorError
from domain.rights import all_may, exposed_mode

if TYPE_CHECKING:
    import pyrage

    Identity = pyrage.x25519.Identity | pyrage.ssh.Identity

FILE_BYTES_MAX: Final = 64 * 2**10
AGE: Final = b"age-encryption.org/v1\n"
ARMOR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
_PEM: Final = b"-----BEGIN "
_PLUGIN: Final = "AGE-PLUGIN-"
_MAKE_ONE: Final = "age-keygen -o FILE makes one"


class PanicError(Exception):
    """pyrage has met what it does not expect."""


@contextmanager
def calm() -> Iterator[None]:
    """PanicError in place of a panic of pyrage, which is no Exception and would end a thread or a process."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # no module has this class
            raise
        raise PanicError(str(error)) from error


def identities(file: str) -> "list[Identity]":
    """The private keys in a file; OperatorError if other accounts may use it, or none can be read.

    pyrage has to be installed.
    """
    path = Path(file)
    content = _content(path)
    _refuse_exposed(path)
    if content.startswith((AGE, ARMOR)):
        raise _locked(file)
    if content.lstrip().startswith(_PEM):
        return [_of_ssh(file, content.lstrip())]
    return _of_age(file, content)


def _content(path: Path) -> bytes:
    try:
        with opened(path) as stream:
            content = stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        problem = f"the identity cannot be read: {error.strerror}"
        raise OperatorError(Mistake(str(path), problem)) from error
    if len(content) > FILE_BYTES_MAX:
        problem = f"has more than {FILE_BYTES_MAX} bytes, and is no file of private keys"
        raise OperatorError(Mistake(str(path), problem, _MAKE_ONE))
    return content


def _refuse_exposed(path: Path) -> None:
    """As ssh does with private keys; and a file of another account must not be open to all either."""
    if mode := exposed_mode(path):
        problem = f"other accounts may use this private key (mode {mode:04o})"
    elif all_may(path, stat.S_IRWXO):
        problem = "every account of this machine may use this private key"
    else:
        return
    raise OperatorError(Mistake(str(path), problem, f"chmod go= {shlex.quote(str(path))}"))


def _of_ssh(file: str, content: bytes) -> "Identity":
    import pyrage  # noqa: PLC0415 - an extra: who does not encrypt need not have it

    try:
        with calm():
            return pyrage.ssh.Identity.from_buffer(content)
    except (pyrage.IdentityError, PanicError) as error:
        if "must be decrypted" in str(error):
            raise _locked(file) from error
        problem = f"is no private key that dumps can be encrypted for ({error})"
        raise OperatorError(Mistake(file, problem, f"Ed25519 and RSA are; {_MAKE_ONE}")) from error


def _of_age(file: str, content: bytes) -> "list[Identity]":
    """One key per line, beside comments; no line is repeated in an error."""
    import pyrage  # noqa: PLC0415 - as above

    found: list[Identity] = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        place = f"{file}, line {number}"
        if text.startswith(_PLUGIN):
            problem = "a plugin has this key, and mapsweep starts none"
            raise OperatorError(Mistake(place, problem, "decrypt with age, or use a key without a plugin"))
        try:
            with calm():
                found.append(pyrage.x25519.Identity.from_str(text))
        except (pyrage.IdentityError, PanicError) as error:
            problem = "is no private key of age (AGE-SECRET-KEY-1...)"
            raise OperatorError(Mistake(place, problem, _MAKE_ONE)) from error
    if not found:
        raise OperatorError(Mistake(file, "has no private key", _MAKE_ONE))
    return found


def _locked(file: str) -> OperatorError:
    remedy = "nobody types it at night: use a key without one, in a file that only this account may read"
    return OperatorError(Mistake(file, "the private key is protected by a passphrase", remedy))
