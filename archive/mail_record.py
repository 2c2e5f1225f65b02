"""What became of the mail of a run or a notice: a folder of records, by which each recipient gets it once.

    mail/0001.json  mail/0001.done.json  mailed.txt

A try begins with its first record, which only one process can create, and ends with the second one. A try
without an end was cut off, and so was one in which the server got the whole message and did not answer: the
server may have taken it or not, so it is tried once more, and that is all. mailed.txt says that nothing more
is to be done. The second record tells everything that came before, so only the last tries are kept.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from archive import codec
from archive.store import Store
from domain.records import SCHEMA_VERSION, STRICT, Refusal

MAILED: Final = "mailed.txt"
FOLDER: Final = "mail"
FIRST_WAIT_S: Final = 60  # after the first try; doubled after each
WAIT_S_MAX: Final = 900
CUT_OFF_MAX: Final = 2  # tries of which nobody knows what came of them
SENDING_S_MAX: Final = 900  # no try takes so long
TRIES_MIN: Final = 5  # nobody gives up before, whatever the clock says
_NOT_MAILED: Final = "not mailed: "  # no Message-ID has a blank
_RECORD = re.compile(r"(?P<number>\d{4,6})(?P<done>\.done)?\.json")


class Sender(StrEnum):
    """Who tries; those of one kind exclude each other by other means, a lease or a lock."""

    WORKERS = "workers"
    HERE = "here"


@dataclass(frozen=True, slots=True)
class Try:
    """A try that was begun."""

    __pydantic_config__: ClassVar = STRICT
    number: int
    at: str  # UTC, RFC 3339
    sender: Sender
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of all tries so far. Times are UTC, RFC 3339."""

    __pydantic_config__: ClassVar = STRICT
    number: int = 0  # of the last try that ended
    tries: int = 0
    since: str = ""  # of the first try
    last: str = ""  # of the last one
    message_id: str = ""
    accepted: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    problem: str = ""  # why nobody got the last one
    cut_off: int = 0  # tries without an end: these may have come, too
    schema_version: int = SCHEMA_VERSION

    def left(self, to: Iterable[str]) -> tuple[str, ...]:
        """Who has not got it, and was not refused for good."""
        over = {*self.accepted, *(each.recipient for each in self.refused if each.is_final)}
        return tuple(each for each in to if each not in over)

    def next_at(self) -> datetime | None:
        """When to try again; None before the first try."""
        if not self.last:
            return None
        wait_s = min(FIRST_WAIT_S * 2 ** min(max(self.tries - 1, 0), 16), WAIT_S_MAX)
        if self.cut_off:  # few more tries are made, so the server gets time to recover
            wait_s = WAIT_S_MAX
        return datetime.fromisoformat(self.last) + timedelta(seconds=wait_s)

    def is_due(self, now: datetime) -> bool:
        """Whether it is time for another try; also where a clock was put back since the last one."""
        following = self.next_at()
        return following is None or now >= following or now < datetime.fromisoformat(self.last)

    def why(self) -> str:
        """Why somebody has not got it yet: the problem of the last try, or what the server said of each."""
        return self.problem or "; ".join(str(each) for each in self.refused if not each.is_final)

    def is_given_up(self, now: datetime, keep_trying_s: int) -> bool:
        """Whether it has been tried long enough."""
        if not self.since or self.tries < TRIES_MIN:
            return False
        return now - datetime.fromisoformat(self.since) >= timedelta(seconds=keep_trying_s)


class MailRecord:
    """The mail of one run or notice, to these recipients."""

    def __init__(self, store: Store, to: tuple[str, ...], place: str = "") -> None:
        self._store = store  # of the run: in one that was removed no folder is made again
        self._place = f"{place}/" if place else ""
        self.to = to

    def is_over(self) -> bool:
        """Whether nothing more is to be done: all have it, or are refused, or nobody is to have it."""
        return not self.to or self._store.exists(f"{self._place}{MAILED}")

    def posted(self) -> Posted:
        """What came of the tries so far."""
        return self._read(self._numbers())[0]

    def begin(self, sender: Sender, now: datetime) -> tuple[Try, Posted] | None:
        """Begin the next try, for one that excludes others of its kind; None if another is at it.

        The second value is what came of the tries before it.
        """
        numbers = self._numbers()
        before, running = self._read(numbers)
        if running is not None:
            age_s = (now - datetime.fromisoformat(running.at)).total_seconds()
            if running.sender is not sender and 0 <= age_s < SENDING_S_MAX:
                return None
            lost = sum(not ended for number, ended in numbers.items() if number > before.number)
            before = replace(before, tries=before.tries + lost, cut_off=before.cut_off + lost)
        mine = Try(max(numbers, default=0) + 1, now.isoformat(timespec="milliseconds"), sender)
        if not self._store.write_once(self._begun(mine.number), codec.encode(mine)):
            return None
        return mine, before

    def end(self, mine: Try, posted: Posted) -> None:
        """Record what came of all tries, the one that was begun included."""
        self._store.write_once(self._done(mine.number), codec.encode(replace(posted, number=mine.number)))
        for number in self._numbers():
            if number < mine.number:
                self._store.remove(self._begun(number))
                self._store.remove(self._done(number))

    def close(self, posted: Posted) -> None:
        """Nothing more is to be done: a line with the Message-ID, and one for each that did not get it."""
        lines = (posted.message_id, *(str(each) for each in posted.refused))
        self._store.write_once(
            f"{self._place}{MAILED}", "".join(f"{' '.join(line.split())}\n" for line in lines).encode()
        )

    def withhold(self, reason: str) -> None:
        """Nothing is mailed, and why: a night with nothing to say is on record, unlike one that was lost."""
        self._store.write_once(
            f"{self._place}{MAILED}", f"{_NOT_MAILED}{' '.join(reason.split())}\n".encode()
        )

    def refusals(self) -> tuple[Refusal, ...]:
        """Who did not get it in the end, and why; FileNotFoundError while it is not over."""
        return _refusals(self._store, self._place)

    def _numbers(self) -> dict[int, bool]:
        """The numbers of the tries that are on record, and whether they ended."""
        numbers: dict[int, bool] = {}
        for name in self._store.list(f"{self._place}{FOLDER}"):
            if match := _RECORD.fullmatch(name):
                number = int(match["number"])
                numbers[number] = numbers.get(number, False) or bool(match["done"])
        return numbers

    def _read(self, numbers: dict[int, bool]) -> tuple[Posted, Try | None]:
        """What came of the tries, and one that has no end."""
        done = max((number for number, ended in numbers.items() if ended), default=0)
        path = self._done(done)
        posted = codec.read(Posted, self._store, path) if done else Posted()
        last = max(numbers, default=0)
        if last == done:
            return posted, None
        path = self._begun(last)
        return posted, codec.read(Try, self._store, path)

    def _begun(self, number: int) -> str:
        return f"{self._place}{FOLDER}/{number:04}.json"

    def _done(self, number: int) -> str:
        return f"{self._place}{FOLDER}/{number:04}.done.json"


def refusals_of(store: Store) -> tuple[Refusal, ...]:
    """Who did not get the mail of a run in its folder in the end; nobody while it is not over."""
    try:
        return _refusals(store)
    except FileNotFoundError:
        return ()


def withheld_of(store: Store) -> str:
    """Why nothing was mailed, of the mail of a run in its folder; "" if it was mailed, or is not over."""
    try:
        line = store.read(MAILED).decode(errors="replace").partition("\n")[0]
    except FileNotFoundError:
        return ""
    return line.removeprefix(_NOT_MAILED) if line.startswith(_NOT_MAILED) else ""


def _refusals(store: Store, place: str = "") -> tuple[Refusal, ...]:
    lines = store.read(f"{place}{MAILED}").decode(errors="replace").splitlines()[1:]
    return tuple(map(_refusal, lines))


def _refusal(line: str) -> Refusal:
    """A refusal as a line tells it."""
    recipient, _, words = line.partition(": ")
    code, _, reason = words.partition(" ")
    return Refusal(recipient, int(code), reason) if code.isdecimal() else Refusal(recipient, 0, words)
