"""Notices: mails about what has no run, such as a run that did not start. Each is kept until it is mailed.

notices/ID/notice.json  notices/ID/mail/...
"""

import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar, Final

from archive import codec
from archive.mail_record import MailRecord
from archive.store import Store
from domain.mistakes import Mistake, OperatorError
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
    schema_version: int = SCHEMA_VERSION

    @property
    def notice_id(self) -> str:
        """The name of its folder, by what it is about."""
        return f"notice-{hashlib.sha256(self.about.encode()).hexdigest()[:16]}"


class Notices:
    """The notices of one archive."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, notice: Notice) -> bool:
        """Keep a notice until it is mailed; False if there is one about the same."""
        self._store.make_root()  # a new archive has no run yet
        return self._store.write_once(f"{FOLDER}/{notice.notice_id}/{_NOTICE}", codec.encode(notice))

    def read(self, notice_id: str) -> Notice:
        """A notice by its id; OperatorError if there is none."""
        path = f"{FOLDER}/{notice_id}/{_NOTICE}"
        try:
            return codec.read(Notice, self._store, path, _BYTES_MAX)
        except FileNotFoundError as error:
            raise OperatorError(Mistake(self._store.place(path), "is gone")) from error

    def exists(self, notice_id: str) -> bool:
        """Whether there is such a notice."""
        return self._store.exists(f"{FOLDER}/{notice_id}/{_NOTICE}")

    def mail_record(self, notice: Notice) -> MailRecord:
        """What became of its mail."""
        return MailRecord(self._store.under(f"{FOLDER}/{notice.notice_id}"), notice.to)

    def forget(self, notice: Notice) -> None:
        """Remove a notice that is mailed."""
        for folder in (f"{FOLDER}/{notice.notice_id}/mail", f"{FOLDER}/{notice.notice_id}"):
            self._store.remove_folder(folder)
