"""The headers of mails: each value one line, what is not ASCII encoded by RFC 2047, nothing injected."""

import hashlib
import re
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import Any, Final

from reports.mail.delivery import MailSettings
from reports.text.plain import printable, shortened

SUBJECT_LENGTH_MAX: Final = 77
ENCODED_LINE_LENGTH_MAX: Final = 76  # RFC 2047, section 2: of a line with an encoded word
_DOMAIN: Final = re.compile(r"[A-Za-z0-9.-]{1,253}")
_LABEL_CHARS_MAX: Final = 40
_NAME_LENGTH_MIN: Final = 8  # below that nobody knows which run it is


class _Policy(EmailPolicy):
    """ASCII headers in one line, because some mail programs show a blank where one is folded."""

    def fold(self, name: str, value: Any) -> str:
        if str(value).isascii():
            return str(super().fold(name, value))
        if name.lower() == "subject":  # as a whole: the parts that EmailPolicy makes lose blanks
            encoded = Header(str(value), "utf-8", ENCODED_LINE_LENGTH_MAX, name).encode(linesep=self.linesep)
            return f"{name}: {encoded}{self.linesep}"
        return str(EmailPolicy.fold(self.clone(max_line_length=ENCODED_LINE_LENGTH_MAX), name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("ascii")


POLICY: Final = _Policy(linesep="\r\n", max_line_length=200)


def begun(to: tuple[str, ...], settings: MailSettings, message_id: str, at: datetime | None) -> EmailMessage:
    """A message with everything but its subject and content; `message_id` is the part before the @."""
    mail = EmailMessage(policy=POLICY)
    mail["From"] = mailbox(settings.sender)
    mail["To"] = tuple(mailbox(each) for each in to)
    if at is not None:
        mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{re.sub(r'[^A-Za-z0-9.-]', '-', message_id)}@{domain_of(settings)}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    return mail


def mailbox(text: str) -> Address:
    """An address, or a name and an address in angle brackets."""
    name, address = parseaddr(text)
    return Address(display_name=printable(name), addr_spec=address)


def address_of(text: str) -> str:
    """The address alone."""
    return parseaddr(text)[1]


def domain_of(settings: MailSettings) -> str:
    """The domain of the ids of messages and lists: the sender's."""
    domain = address_of(settings.sender).rpartition("@")[2]
    return domain if _DOMAIN.fullmatch(domain) else "localhost"


def list_label(scope: str) -> str:
    """The name of a scope as a part of a list's id: different for different scopes."""
    label = re.sub(r"[^a-z0-9-]+", "-", scope.lower()).strip("-")[:_LABEL_CHARS_MAX]
    if label and label == scope:
        return label
    return f"{label or 'run'}-{hashlib.sha256(scope.encode()).hexdigest()[:8]}"


def recipients_digest(to: tuple[str, ...]) -> str:
    """16 hex digits for a set of recipients: another list gets another message."""
    return hashlib.sha256("\n".join(sorted(to)).encode()).hexdigest()[:16]


def subject(prefix: str, name: str, words: str, news: str, date: str) -> str:
    """`[prefix name] WORDS: news (date)` in at most 77 characters.

    Where there is no room, these are left out one after the other: the date, the prefix, all but the first of
    the news, a part of the name, the words, and a part of the news.
    """
    prefix, name, words, news = (printable(each) for each in (prefix, name, words, news))
    whole = " ".join(each for each in (prefix, name) if each)
    head, name, first = f"{words}: " if words else "", name or prefix, news.partition(", ")[0]
    for called, told, rest in (
        (whole, news, f" ({date})" if date else ""),
        (whole, news, ""),
        (name, news, ""),
        (whole, first, ""),
        (name, first, ""),
    ):
        if len(said := f"[{called}] {head}{told}{rest}") <= SUBJECT_LENGTH_MAX:
            return said
    for start in (head, ""):
        room = SUBJECT_LENGTH_MAX - len(f"[] {start}{first}")
        if room >= _NAME_LENGTH_MIN:
            return f"[{shortened(name, room)}] {start}{first}"
    name = shortened(name, _NAME_LENGTH_MIN)
    return f"[{name}] {shortened(first, SUBJECT_LENGTH_MAX - len(f'[{name}] '))}"


def short_subject(prefix: str, text: str) -> str:
    """`[prefix] text` in at most 77 characters, the middle of the text left out."""
    return shortened(f"[{printable(prefix)}] {text}", SUBJECT_LENGTH_MAX)


def fix_boundaries(mail: EmailMessage, run_id: str) -> None:
    """Boundaries that depend only on the run; by default they are random."""
    for place, part in enumerate(part for part in mail.walk() if part.is_multipart()):
        digest = hashlib.sha256(f"{run_id} {place}".encode()).hexdigest()[:32]
        part.set_boundary(f"={digest}")
