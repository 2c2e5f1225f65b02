"""Notices: mails about what has no run, such as a run that did not start. Each is kept until it is mailed.

notices/ID/notice.json  notices/ID/mail/...
"""

import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar, Final

from archive import codec
from archive.codec import NewerError
from archive.mail_record import MailRecord
from archive.signature import has_signature, with_signature
from archive.store import Store
from domain.mistakes import Mistake, OperatorError
from domain.moments import is_readable
from domain.records import SCHEMA_VERSION, STRICT

FOLDER: Final = "notices"
NOTICE_ID: Final = re.compile(r"notice-[0-9a-f]{16}")
_NOTICE: Final = "notice.json"
_BYTES_MAX: Final = 2**20


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail as text. `about` says what it is about; there is one notice about one thing."""

    __pydantic_config__: ClassVar = STRICT
    about: str
    to: tuple[str, ...]
    subject: str
    text: str
    at: str  # UTC, RFC 3339
    run_id: str = ""  # of the run that it is about, whose list gets it
    html: str = ""  # the same for mail programs that show it; "": there is only the text
    signature: str = ""  # as `archive.signature` makes it, where workers have a signing key
    schema_version: int = SCHEMA_VERSION

    @property
    def notice_id(self) -> str:
        """The name of its folder, by what it is about."""
        return f"notice-{hashlib.sha256(self.about.encode()).hexdigest()[:16]}"


class Notices:
    """The notices of one archive. With a signing key, those that it did not sign are refused."""

    def __init__(self, store: Store, key: bytes = b"") -> None:
        self._store = store
        self._key = key

    def write(self, notice: Notice) -> bool:
        """Keep a notice until it is mailed; False if there is one about the same."""
        self._store.make_root()  # a new archive has no run yet
        path, text = _path(notice.notice_id), codec.encode(with_signature(notice, self._key))
        if self._store.write_once(path, text):
            return True
        if self._is_refused(notice.notice_id):  # nobody may keep a notice away by one in its place
            self._store.replace(path, text)
            return True
        return False

    def read(self, notice_id: str) -> Notice:
        """A notice by its id; OperatorError if there is none, or one that the key did not sign."""
        place = self._store.place(_path(notice_id))
        try:
            notice = self.unchecked(notice_id)
        except FileNotFoundError as error:
            raise OperatorError(Mistake(place, "is gone")) from error
        if not has_signature(notice, self._key):
            problem = "has no signature" if not notice.signature else "has a signature that does not match"
            remedy = "give all workers of the queue report the same signing key; otherwise others wrote it"
            raise OperatorError(Mistake(place, problem, remedy))
        return notice

    def unchecked(self, notice_id: str) -> Notice:
        """A notice whoever wrote it; FileNotFoundError if there is none, OperatorError if it is damaged."""
        notice = codec.read(Notice, self._store, _path(notice_id), _BYTES_MAX)
        problem = "is about something else" if notice.notice_id != notice_id else ""
        if not is_readable(notice.at):
            problem = "has an unreadable time"
        if problem:
            place = self._store.place(_path(notice_id))
            raise OperatorError(Mistake(place, problem, "the file was damaged, or written by something else"))
        return notice

    def _is_refused(self, notice_id: str) -> bool:
        try:
            self.read(notice_id)
        except NewerError:
            return False
        except OperatorError:
            return True
        return False

    def exists(self, notice_id: str) -> bool:
        """Whether there is such a notice."""
        return self._store.exists(_path(notice_id))

    def mail_record(self, notice: Notice) -> MailRecord:
        """What became of its mail."""
        return MailRecord(self._store.under(f"{FOLDER}/{notice.notice_id}"), notice.to)

    def forget(self, notice_id: str) -> None:
        """Remove a notice that is mailed, or that nobody mails."""
        for folder in (f"{FOLDER}/{notice_id}/mail", f"{FOLDER}/{notice_id}"):
            self._store.remove_folder(folder)


def _path(notice_id: str) -> str:
    return f"{FOLDER}/{notice_id}/{_NOTICE}"
