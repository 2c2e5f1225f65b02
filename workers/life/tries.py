"""One more try to deliver something, by its record: to each recipient once, and for as long as is set."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from archive.mail_record import CUT_OFF_MAX, MailRecord, Posted, Sender, Try
from domain.records import Refusal

if TYPE_CHECKING:
    from reports.mail.delivery import Delivery

Tell: TypeAlias = Callable[[str], None]  # gets a sentence before each pause between attempts

log = logging.getLogger("workers")


def to_nobody(_sentence: str) -> None:
    """Tell of attempts to nobody: nobody watches."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is to be delivered."""

    name: str  # by which a receiver knows that it has it already
    send: Callable[[tuple[str, ...]], "Delivery"]  # to these recipients; DeliveryError if nobody gets it
    keep_trying_s: int


def tried(record: MailRecord, parcel: Parcel, sender: Sender) -> Posted | None:
    """One try, to those who have not got it: what came of all of them; None if another is at it.

    The record says whether that was the last one.
    """
    from reports.mail.delivery import DeliveryError  # noqa: PLC0415 # nobody else waits for it

    begun = record.begin(sender, datetime.now(UTC))
    if begun is None:
        return None
    mine, before = begun
    left = before.left(record.to)
    if not left or before.cut_off >= CUT_OFF_MAX:
        return _ended(record, mine, _unknown(before, left), parcel)
    if before.cut_off:
        log.warning("%s may come twice: a try before this one was cut off", parcel.name)
    before = replace(before, message_id=parcel.name)
    try:
        delivery = parcel.send(left)
    except DeliveryError as error:
        posted = _after(before, mine, (), error.refused, error.reason)
        return _ended(record, mine, _counted(posted, is_cut_off=error.is_cut_off), parcel)
    posted = _after(before, mine, delivery.accepted, delivery.refused, "")
    return _ended(record, mine, _counted(posted, is_cut_off=delivery.is_cut_off), parcel)


def _after(
    before: Posted, mine: Try, accepted: tuple[str, ...], refused: tuple[Refusal, ...], problem: str
) -> Posted:
    """What came of all tries, with this one."""
    known = {each.recipient: each for each in (*before.refused, *refused)}
    return replace(
        before,
        tries=before.tries + 1,
        since=before.since or mine.at,
        last=mine.at,
        accepted=(*before.accepted, *accepted),
        refused=tuple(each for name, each in known.items() if name not in accepted),
        problem=" ".join(problem.split()),
    )


def _counted(posted: Posted, *, is_cut_off: bool) -> Posted:
    """With a try of which nobody knows what came of it."""
    return replace(posted, cut_off=posted.cut_off + is_cut_off)


def _ended(record: MailRecord, mine: Try, posted: Posted, parcel: Parcel) -> Posted:
    """Record a try, and whether it was the last one."""
    left = posted.left(record.to)
    if left and posted.cut_off >= CUT_OFF_MAX:
        posted, left = _unknown(posted, left), ()
    if left and posted.is_given_up(datetime.now(UTC), parcel.keep_trying_s):
        said = {each.recipient: f"{each.code} {each.reason}" for each in posted.refused}
        reason = f"given up after {posted.tries} tries since {posted.since}"
        posted = _without(posted, left, lambda name: f"{reason}: {said.get(name) or posted.problem}")
        left = ()
    record.end(mine, posted)
    if not left:
        record.close(posted)
    return posted


def _unknown(before: Posted, left: tuple[str, ...]) -> Posted:
    """No try is made where two may have arrived."""
    reason = f"nobody knows whether it arrived: {before.cut_off} tries were cut off"
    if before.problem:
        reason = f"{reason}; {before.problem}"
    return _without(before, left, lambda _: reason)


def _without(posted: Posted, names: tuple[str, ...], reason: Callable[[str], str]) -> Posted:
    """For these recipients nothing more is done."""
    others = tuple(each for each in posted.refused if each.recipient not in names)
    return replace(posted, refused=(*others, *(Refusal(name, 0, reason(name)) for name in names)))
