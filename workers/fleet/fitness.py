"""Whether a worker can work: it sees the archive of the fleet, may write there, and has space.

A worker that cannot, and fails each task at once, would otherwise take most messages and do none.
"""

import logging
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from redis import RedisError

from archive.identity import archive_id, made_archive_id
from archive.runs import Runs
from archive.store import Store
from domain.mistakes import Mistake, OperatorError, reason_of
from workers.fleet.broker import KEY_PREFIX
from workers.fleet.trouble import Note
from workers.life.pace import Pace

if TYPE_CHECKING:
    import redis

ARCHIVE_KEY: Final = f"{KEY_PREFIX}archive"
ARCHIVE_KNOWN_S: Final = 600  # the archive of a fleet is known so long after the last round in it
CHECKED_S: Final = 3.0  # how long an answer is good
SPACE_BYTES_MIN: Final = 16 * 2**20  # the dumps of a task of 20 hosts take about half of it
TOLD_MAX: Final = 100  # kinds of errors that are remembered, so that each is logged once
MIB: Final = 2**20

log = logging.getLogger("workers")


def is_known(client: "redis.Redis") -> bool:
    """Whether Redis says which archive the fleet works in."""
    return bool(client.exists(ARCHIVE_KEY))


def announce(runs: Runs, client: "redis.Redis") -> None:
    """Say in Redis which archive the fleet works in, and give a new archive its id.

    OperatorError if the fleet works in another one.
    """
    known = cast("str | None", client.get(ARCHIVE_KEY))
    own = made_archive_id(runs.store) if known is None else archive_id(runs.store)
    if known is None and client.set(ARCHIVE_KEY, own, nx=True, ex=ARCHIVE_KNOWN_S):
        return
    if own != (known or client.get(ARCHIVE_KEY)):
        raise OperatorError(_other(runs.store))
    client.expire(ARCHIVE_KEY, ARCHIVE_KNOWN_S)


class Fitness:
    """Whether one process of a worker can work now; what keeps it from that is logged once, and noted."""

    def __init__(self, store: Store, client: "redis.Redis", note: Note, pace: Pace) -> None:
        self._store = store
        self._redis = client
        self._note = note
        self._checked_s = min(CHECKED_S, pace.rest_s / 4)
        self._until = 0.0
        self._is_fit = True
        self._told: set[tuple[str, str]] = set()

    def is_fit(self, *, anew: bool = False) -> bool:
        """Whether this worker can work; `anew`: do not trust an answer of a few seconds ago."""
        if anew or monotonic() >= self._until:
            self._is_fit = self._checked()
            self._until = monotonic() + self._checked_s
        return self._is_fit

    def tell_error(self, error: OSError | OperatorError, run_id: str) -> None:
        """Note an error that a worker met which can work otherwise; logged where it is a new one."""
        what = reason_of(error)
        kind = (run_id, str(getattr(error, "errno", what)))  # the place differs from host to host
        if kind not in self._told:
            if len(self._told) >= TOLD_MAX:
                self._told.clear()
            self._told.add(kind)
            log.warning("%s: not done, and no host's fault: %s", run_id, what)
        with suppress(RedisError):
            self._note.write(f"{run_id}: {what}")

    def _checked(self) -> bool:
        try:
            what = self._obstacle()
            if what:
                if self._note.write(what) or self._is_fit:
                    log.warning("this worker takes no work: %s", what)
            elif not self._is_fit:
                self._note.remove()
                log.warning("this worker takes work again")
        except RedisError as error:  # whoever takes work will meet it as well
            log.debug("Redis could not be asked whether this worker can work: %s", error)
            return self._is_fit
        return not what

    def _obstacle(self) -> str:
        """Why this worker cannot work; "" if it can."""
        known = cast("str | None", self._redis.get(ARCHIVE_KEY))
        try:
            if known is not None and archive_id(self._store) != known:
                return str(_other(self._store))
            place = self._store.local_path("")
            if place is None or not (known is not None or place.exists()):
                return ""  # a bucket, or a folder in which no run was ever made
            self._store.try_write()
            free_bytes = self._store.free_bytes()
        except (OSError, OperatorError) as error:
            return reason_of(error)
        if free_bytes is not None and free_bytes < SPACE_BYTES_MIN:
            free, least = free_bytes / MIB, SPACE_BYTES_MIN / MIB
            return f"{self._store.url} has {free:.0f} MiB free, and {least:.0f} MiB are needed"
        return ""


def _other(store: Store) -> Mistake:
    remedy = "mount the same folder on every machine; if the runs were moved, this ends within 10 min"
    return Mistake(store.url, "is not the archive of this fleet", remedy)
