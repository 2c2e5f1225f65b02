"""The mails of one run: the report to its list, and to each owner what concerns its hosts.

    mail/ mailed.txt  owners/OWNER/mail/ owners/OWNER/mailed.txt

Each mail has a record of its own, so that each recipient gets each of them once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from archive.host_names import file_name
from archive.mail_record import MailRecord, Posted, refusals_of, withheld_of
from archive.store import Store
from domain.records import OwnerList, Refusal

OWNERS: Final = "owners"
TO_THE_LIST: Final = ""  # stands for the owner in the mail of the whole report


@dataclass(frozen=True, slots=True)
class RunMail:
    """What became of the mails of a run, as of one: it is over when all of them are."""

    store: Store
    to: tuple[str, ...]
    owners: tuple[OwnerList, ...]

    def records(self) -> Iterator[tuple[str, MailRecord]]:
        """Each mail with its owner; that to the run's list comes first."""
        yield TO_THE_LIST, MailRecord(self.store, self.to)
        for each in self.owners:
            yield each.owner, MailRecord(self.store, each.to, f"{OWNERS}/{file_name(each.owner)}")

    def is_over(self) -> bool:
        """Whether nothing more is to be done of any of them."""
        return all(record.is_over() for _, record in self.records())

    def is_due(self, now: datetime) -> bool:
        """Whether it is time for another try of one of them."""
        return any(record.posted().is_due(now) for record in self._left())

    def posted(self) -> Posted:
        """What came of the tries of the first one that is not over."""
        return next((record.posted() for record in self._left()), Posted())

    def refusals(self) -> tuple[Refusal, ...]:
        """Who did not get one of them in the end, and why; nobody where nobody is to have any."""
        return refusals_of_run(self.store) if self.to or self.owners else ()

    def withheld(self) -> str:
        """Why the run's list gets no mail; "" if it does, or is not over."""
        return withheld_of(self.store)

    def _left(self) -> Iterator[MailRecord]:
        return (record for _, record in self.records() if not record.is_over())


def refusals_of_run(store: Store) -> tuple[Refusal, ...]:
    """Who did not get a mail of the run in this folder in the end; of mails that are not over nobody."""
    return tuple(refusal for place in _places(store) for refusal in refusals_of(place))


def _places(store: Store) -> Iterator[Store]:
    yield store
    for name in store.list(OWNERS):
        yield store.under(f"{OWNERS}/{name}")
