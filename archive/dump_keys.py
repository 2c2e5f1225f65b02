"""The keys of dumps that are kept encrypted, in the format of age (age-encryption.org/v1).

A dump is encrypted as it is written, and decrypted in memory as it is read: no plain one is on a disk.
What `age --decrypt` makes of such a file is the plain one, which is read as well.
"""

import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from errno import EACCES
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Final, cast

from archive.private_keys import AGE, ARMOR, PanicError, calm, identities
from domain.mistakes import Mistake, OperatorError

if TYPE_CHECKING:
    from io import BufferedIOBase

    import pyrage
    from _typeshed import WriteableBuffer

    Recipient = pyrage.x25519.Recipient | pyrage.ssh.Recipient

RECIPIENTS, IDENTITY = "dump_recipients", "dump_identity_file"  # the settings
NATIVE: Final = "age1"  # how a recipient begins, of age
OF_SSH: Final = ("ssh-ed25519 ", "ssh-rsa ")  # and of SSH
LOCKED: Final = "the dump is encrypted"
_NO_KEY_FITS: Final = "No matching keys found"  # the library's words
_SHOWN_CHARS: Final = 60
LARGE_BYTES: Final = 2**22
PIECE_BYTES: Final = 2**18
HEADER_BYTES_MAX: Final = 2**17  # of 20 recipients with keys of 16,384 bits less than half
_HEADER_END: Final = b"\n---"


class LockedError(PermissionError):
    """A dump that is encrypted, and cannot be read with what this process has. No fault of the host."""


class OtherKeysError(LockedError):
    """There is an identity, and the dump is encrypted for others."""


@dataclass(frozen=True, slots=True)
class DumpKeys:
    """For whom dumps are encrypted, and where the key is that reads them."""

    recipients: tuple[str, ...] = ()  # public keys of age or SSH; (): dumps are written as they are
    identity_file: str = ""  # private keys, read anew for each dump
    run_key: str = field(default="", repr=False)  # one more private key, in memory alone

    @property
    def has_identity(self) -> bool:
        """Whether the file of the identity is on this machine; `check` says whether it can be used."""
        return bool(self.identity_file) and Path(self.identity_file).exists()

    def with_run_key(self) -> "DumpKeys":
        """With a key of its own, which is gone with the processes that have it.

        They can read what they wrote. OperatorError if pyrage is not installed.
        """
        _need_library(RECIPIENTS)
        import pyrage  # noqa: PLC0415 - an extra: who does not encrypt need not have it

        own = pyrage.x25519.Identity.generate()
        return replace(self, recipients=(*self.recipients, str(own.to_public())), run_key=str(own))


NO_KEYS: Final = DumpKeys()


def is_encrypted(beginning: bytes) -> bool:
    """Whether a file that begins so is encrypted."""
    return beginning.startswith((AGE, ARMOR))


def encrypted(content: Iterable[bytes], keys: DumpKeys) -> Iterable[bytes]:
    """The pieces of a content, encrypted for each recipient; as they are if there are none.

    What is encrypted waits in a file without a name if it is large.
    """
    return _encrypted(content, _recipients(keys)) if keys.recipients else content


def _encrypted(content: Iterable[bytes], made: "list[Recipient]") -> Iterator[bytes]:
    import pyrage  # noqa: PLC0415 - as above

    with SpooledTemporaryFile(LARGE_BYTES) as out:
        with calm():
            pyrage.encrypt_io(BufferedReader(_Source(content)), cast("BufferedIOBase", out), made)
        out.seek(0)
        while piece := out.read(PIECE_BYTES):
            yield piece


class _Source(RawIOBase):
    """Pieces as a file that is read once."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self._rest = memoryview(b"")
        self._pieces = iter(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer as far as the next piece goes; 0 at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        into = memoryview(buffer).cast("B")
        count = min(len(into), len(self._rest))
        into[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def decrypted(content: bytes, keys: DumpKeys, place: str) -> bytes:
    """The content of a dump's file, decrypted if it is encrypted; never longer than the file.

    LockedError without an identity that can be used, OtherKeysError if it does not fit, OperatorError if the
    content is damaged.
    """
    if not is_encrypted(content):
        return content
    usable = _usable(keys, place)
    if not _has_short_header(content):
        why = f"its header does not end within {HEADER_BYTES_MAX} bytes"
        problem = f"is encrypted, and damaged or cut off ({why})"
        raise OperatorError(Mistake(place, problem, "the host must be swept again"))
    import pyrage  # noqa: PLC0415 - as above

    out = BytesIO()
    try:
        with calm():
            pyrage.decrypt_io(BytesIO(content), out, usable)
    except (pyrage.DecryptError, OSError, PanicError) as error:  # an OSError: damage after the header
        if str(error) == _NO_KEY_FITS:
            if not keys.has_identity:
                raise _no_identity(keys, place) from error
            problem = f"{LOCKED} for other keys than those in {keys.identity_file} ({IDENTITY})"
            raise OtherKeysError(EACCES, problem, place) from error
        problem = f"is encrypted, and damaged or cut off ({' '.join(str(error).split())})"
        raise OperatorError(Mistake(place, problem, "the host must be swept again")) from error
    return out.getvalue()


def _has_short_header(content: bytes) -> bool:
    """Whether the library may read the header, for which it takes the square of its length, unstoppably.

    Whoever may write into a run chooses it.
    """
    if not content.startswith(ARMOR):
        return content.find(_HEADER_END, 0, HEADER_BYTES_MAX) >= 0
    text = b"".join(content[len(ARMOR) : 2 * HEADER_BYTES_MAX].partition(b"-----")[0].split())
    try:
        return binascii.a2b_base64(text[: len(text) // 4 * 4]).find(_HEADER_END, 0, HEADER_BYTES_MAX) >= 0
    except binascii.Error:
        return False


def check(keys: DumpKeys, *, reads: bool) -> None:
    """OperatorError unless these keys can encrypt dumps and, in a process that `reads` them, decrypt them."""
    if not keys.recipients and not (reads and keys.identity_file):
        return
    _need_library(RECIPIENTS if keys.recipients else IDENTITY)
    made = _recipients(keys, tried=True)
    if not reads:
        return
    if not keys.identity_file:
        problem = "is not set, and dumps are encrypted: they cannot be classified here"
        raise OperatorError(Mistake(IDENTITY, problem, "name a file with a private key of dump_recipients"))
    found = identities(keys.identity_file)
    if made:
        _try(keys.identity_file, made, found)


def _try(
    file: str, made: "list[Recipient]", found: "list[pyrage.x25519.Identity | pyrage.ssh.Identity]"
) -> None:
    import pyrage  # noqa: PLC0415 - as above

    try:
        pyrage.decrypt(pyrage.encrypt(b"", made), found)
    except pyrage.DecryptError as error:
        problem = f"has no key of {RECIPIENTS}: dumps that are written from now on could not be read with it"
        remedy = f"add its public key to {RECIPIENTS}, or the private key of one of them to the file"
        raise OperatorError(Mistake(file, problem, remedy)) from error


def _recipients(keys: DumpKeys, *, tried: bool = False) -> "list[Recipient]":
    """The public keys, each `tried` if asked; OperatorError for one that is none, or cannot encrypt."""
    _need_library(RECIPIENTS)
    import pyrage  # noqa: PLC0415 - as above

    made: list[Recipient] = []
    for text in keys.recipients:
        of = pyrage.ssh.Recipient if text.startswith(OF_SSH) else pyrage.x25519.Recipient
        try:
            with calm():
                made.append(of.from_str(text))
                if tried:
                    pyrage.encrypt(b"", made[-1:])
        except (pyrage.RecipientError, pyrage.EncryptError, PanicError) as error:
            shown = ascii(text[:_SHOWN_CHARS])
            remedy = "give public keys: age1..., ssh-ed25519 ... or ssh-rsa ..."
            raise OperatorError(Mistake(RECIPIENTS, f"{shown} is no such key", remedy)) from error
    return made


def _usable(keys: DumpKeys, place: str) -> "list[pyrage.x25519.Identity | pyrage.ssh.Identity]":
    """The private keys of this process; LockedError if it has none."""
    if not (keys.run_key or keys.has_identity):
        raise _no_identity(keys, place)
    try:
        _need_library(place)
        import pyrage  # noqa: PLC0415 - as above

        own = [pyrage.x25519.Identity.from_str(keys.run_key)] if keys.run_key else []
        return [*own, *(identities(keys.identity_file) if keys.has_identity else ())]
    except OperatorError as error:
        raise LockedError(EACCES, f"{LOCKED}, and {IDENTITY} cannot be used: {error}", place) from error


def _no_identity(keys: DumpKeys, place: str) -> LockedError:
    gone = f"; there is no file {keys.identity_file}" if keys.identity_file else ""
    return LockedError(EACCES, f"{LOCKED}: set {IDENTITY}{gone}", place)


def _need_library(place: str) -> None:
    try:
        import pyrage  # noqa: F401, PLC0415 - as above
    except ImportError:
        problem = "dumps are encrypted, which needs the package pyrage, and it is not installed"
        raise OperatorError(Mistake(place, problem, "pip install 'mapsweep[age]'")) from None
