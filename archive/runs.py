"""All runs in one place: created, opened by id, path or URL, and given to the fleet's workers."""

import difflib
import logging
from collections.abc import Iterator
from errno import ENAMETOOLONG
from pathlib import Path

from archive import codec
from archive.dump_keys import NO_KEYS, DumpKeys
from archive.notices import NOTICE_ID, Notices
from archive.places import store_at
from archive.run import CLOSED, MANIFEST, Run
from archive.run_ids import is_run_id
from archive.run_names import SHOWN_LENGTH_MAX, run_id_of
from archive.signature import SIGNATURE, is_signed, sign
from archive.store import Store
from domain.mistakes import Mistake, OperatorError
from domain.moments import is_day, is_readable
from domain.records import Closed, Limits, Manifest, Scope

log = logging.getLogger("archive")

EVIDENCE = ("maps", "smaps")
MANIFEST_BYTES_MAX = 128 * 2**20  # a manifest of 100,000 hosts has about 40 MB
_QUEUED = "queued"
NEAR_IDS_MAX = 3  # suggested for a name that no run has
_UNMAILED = "unmailed"
_UNPOSTED = "unposted"


class NoRunError(OperatorError):
    """There is no run, or none any more."""


class Runs:
    """All runs under one folder or URL. With a key, new runs are signed and unsigned ones are refused.

    `dump_keys` are those of the dumps of all runs that are made or opened here.
    """

    def __init__(self, url: str, signing_key: bytes = b"", dump_keys: DumpKeys = NO_KEYS) -> None:
        self.store = store_at(url)
        self._key = signing_key
        self._dump_keys = dump_keys

    @property
    def notices(self) -> Notices:
        """The notices beside them, which the same key signs."""
        return Notices(self.store, self._key)

    @property
    def signs(self) -> bool:
        """Whether new runs are signed here."""
        return bool(self._key)

    def create(self, manifest: Manifest) -> Run:
        """Start a run: write its manifest; FileExistsError if a run of that id exists.

        OperatorError if the manifest is so large that nobody would read it.
        """
        if not is_run_id(manifest.run_id):
            raise ValueError(f"{manifest.run_id!r} is not a run id")
        names = [host.name for host in manifest.hosts]
        if len(set(names)) != len(names):
            raise ValueError("a run must have each host only once")
        folder = self.store.under(manifest.run_id)
        text = codec.encode(manifest)
        if len(text) > MANIFEST_BYTES_MAX:
            problem = f"would have {len(text)} bytes; {MANIFEST_BYTES_MAX} are the most"
            remedy = "select fewer hosts, or give them fewer groups and labels"
            raise OperatorError(Mistake(folder.place(MANIFEST), problem, remedy))
        self.store.make_root()  # for its owner alone; what is above a store's folder need not be
        if not folder.write_once(MANIFEST, text):
            raise FileExistsError(folder.url)
        if self._key:  # after the manifest, so that only the one creator that wrote it signs
            folder.write_once(SIGNATURE, sign(self._key, text))
        signed = "signed" if self._key else "not signed"
        log.debug(
            "%s: created in %s, %d bytes of manifest, %s", manifest.run_id, folder.url, len(text), signed
        )
        return Run(folder, manifest, keys=self._dump_keys)

    def open(self, name: str) -> Run:
        """A run by its path or URL, or by a name as `archive.run_names` describes: an id, a day, `latest~1`.

        OperatorError if there is none, or if several ids begin so.
        """
        run_id = self.named(name)
        if run_id is None:
            if _is_place(name):
                return open_run(name, self._key, self._dump_keys)
            raise NoRunError(self.unknown(name))
        try:
            return self.by_id(run_id)
        except NoRunError as error:
            if run_id in self.ids():  # it is there, and damaged
                raise
            raise NoRunError(self.unknown(name)) from error

    def unknown(self, name: str) -> Mistake:
        """What to say of a name that no run here has: where it was looked for, and which ids are near."""
        starts = {run_id[: len(name)]: run_id for run_id in self.ids()}  # of each start the newest
        near = [starts[each] for each in difflib.get_close_matches(name, starts, NEAR_IDS_MAX)]
        remedy = f"did you mean {' or '.join(near)}?" if near else "`mapsweep runs` lists the runs"
        return Mistake(name[:SHOWN_LENGTH_MAX], f"is not a run in {self.store.url}", remedy)

    def named(self, name: str) -> str | None:
        """The id that a name stands for here, as `archive.run_names` describes; None for no id.

        Nothing is opened. OperatorError if several ids here begin so, or for `latest` if there is none.
        """
        return run_id_of(name, self.ids, self.latest, self._is_run)

    def _is_run(self, run_id: str) -> bool:
        return self.store.exists(f"{run_id}/{MANIFEST}")

    def by_id(self, run_id: str) -> Run:
        """A run here by its id alone, for ids that others sent; NoRunError where it is not there.

        OperatorError for whatever else.
        """
        if not is_run_id(run_id):
            shown = ascii(run_id[:SHOWN_LENGTH_MAX])
            raise OperatorError(Mistake(shown, "is not a run id", "`mapsweep runs` lists the runs"))
        run = _opened(self.store.under(run_id), self._key, self._dump_keys)
        if run.run_id != run_id:
            problem = f"belongs to the run {run.run_id[:SHOWN_LENGTH_MAX]!a}"
            raise OperatorError(
                Mistake(run.store.place(MANIFEST), problem, "the folder was moved or damaged")
            )
        return run

    def ids(self) -> list[str]:
        """The ids of all runs, oldest first."""
        return [name for name in self.store.list() if is_run_id(name)]

    def latest(self) -> str:
        """The id of the run that began last; OperatorError if there is none."""
        for run_id in reversed(self.ids()):
            if self._is_run(run_id):
                return run_id
        raise OperatorError(
            Mistake(self.store.url, "holds no run", "mapsweep collect makes one; --runs names the folder")
        )

    def closed(self, run_id: str) -> Closed | None:
        """How a run ended, without its manifest, which may be large; None if it is open.

        OperatorError if the record is damaged, or that of another run.
        """
        path = f"{run_id}/{CLOSED}"
        try:
            closed = codec.read(Closed, self.store, path)
        except FileNotFoundError:
            return None
        place = self.store.place(path)
        if closed.run_id != run_id:
            problem = f"belongs to the run {closed.run_id[:SHOWN_LENGTH_MAX]!a}"
            raise OperatorError(Mistake(place, problem, "the folder was moved or damaged"))
        if closed.started_at and not is_readable(closed.started_at):
            raise OperatorError(
                Mistake(place, "has an unreadable started_at", "mapsweep did not write it so")
            )
        return closed

    def for_tables(self, run_id: str) -> Run | None:
        """A closed run for its tables alone; None if it is open, or closed by an older mapsweep.

        Its manifest, which may be large, is not read: the run knows no hosts, and of its scope only the name
        and the pattern. OperatorError if its record is damaged.
        """
        closed = self.closed(run_id)
        if closed is None or not (closed.started_at and closed.results):
            return None
        known = Manifest(
            run_id=run_id,
            scope=Scope(closed.scope, closed.hosts),
            limits=Limits(),
            hosts=(),
            started_at=closed.started_at,
            deadline_at=closed.closed_at,
            tool_version="",
            rules_version=closed.rules_version,
        )
        return Run(self.store.under(run_id), known, keys=self._dump_keys)

    # Marks of runs that were given to the fleet's workers.

    def queue(self, run_id: str) -> None:
        """Mark a run as given to the workers, until it is finished."""
        self.store.write_once(f"{_QUEUED}/{run_id}", b"")

    def queued(self) -> tuple[str, ...]:
        """The ids of the runs that were given to the workers and are not finished."""
        return tuple(name for name in self.store.list(_QUEUED) if is_run_id(name))

    def is_queued(self, run_id: str) -> bool:
        """Whether a run was given to the workers and is not finished."""
        return self.store.exists(f"{_QUEUED}/{run_id}")

    def queue_place(self, run_id: str) -> str:
        """The mark of a run that is given to the workers, as people find it."""
        return self.store.place(f"{_QUEUED}/{run_id}")

    def unqueue(self, run_id: str) -> None:
        """Remove the mark of a finished run."""
        self.store.remove(f"{_QUEUED}/{run_id}")

    # Marks of what somebody has not got yet by mail: runs, and notices.

    def mark_unmailed(self, name: str) -> None:
        """Mark the report of a run, or a notice, as not mailed to all, until it is."""
        self.store.write_once(f"{_UNMAILED}/{name}", b"")

    def unmailed(self) -> tuple[str, ...]:
        """The ids of runs and notices that somebody has not got yet."""
        return tuple(
            name for name in self.store.list(_UNMAILED) if is_run_id(name) or NOTICE_ID.fullmatch(name)
        )

    def unmark_unmailed(self, name: str) -> None:
        """Remove the mark of what nothing more is to be done about."""
        self.store.remove(f"{_UNMAILED}/{name}")

    # Marks of runs whose news the webhook has not got yet.

    def mark_unposted(self, run_id: str) -> None:
        """Mark the news of a run as not posted, until they are."""
        self.store.write_once(f"{_UNPOSTED}/{run_id}", b"")

    def unposted(self) -> tuple[str, ...]:
        """The ids of the runs whose news the webhook has not got yet."""
        return tuple(name for name in self.store.list(_UNPOSTED) if is_run_id(name))

    def unmark_unposted(self, run_id: str) -> None:
        """Remove the mark of a run about which nothing more is to be done."""
        self.store.remove(f"{_UNPOSTED}/{run_id}")


def runs_beside(run: Run) -> Runs:
    """The runs in the same folder, with which growth is compared."""
    return Runs(run.url.rpartition("/")[0] or "/", dump_keys=run.keys)


def _is_place(name: str) -> bool:
    """Whether a name is a path or a URL: an id has neither, and a folder may be named without a slash."""
    if "/" in name or name.startswith(("~", ".")):
        return True
    try:
        return Path(name).is_dir()
    except OSError:  # as too long a name
        return False


def open_run(url: str, signing_key: bytes = b"", dump_keys: DumpKeys = NO_KEYS) -> Run:
    """The run at a path or URL; NoRunError where there is none, OperatorError if a key did not sign it."""
    local = url.startswith("~") or "://" not in url
    try:
        place = str(Path(url).expanduser()) if local else url
    except RuntimeError as error:  # there is no account of the name behind the ~
        problem = "is not a run: no account is called so"
        shown = url[:SHOWN_LENGTH_MAX]
        raise NoRunError(Mistake(shown, problem, "`mapsweep runs` lists the runs")) from error
    return _opened(store_at(place), signing_key, dump_keys)


def _opened(folder: Store, key: bytes, dump_keys: DumpKeys) -> Run:
    try:
        text = folder.read(MANIFEST, MANIFEST_BYTES_MAX)
    except OSError as error:
        if error.errno != ENAMETOOLONG and not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise
        problem = "is not a run: it has no manifest.json"
        raise NoRunError(Mistake(folder.url, problem, "`mapsweep runs` lists the runs")) from error
    if key:
        _check_signature(folder, key, text)  # before anything in it is read
    manifest = codec.decode(Manifest, text, folder.place(MANIFEST))
    if problems := tuple(_unusable(manifest)):
        remedy = "mapsweep did not write it so"
        raise OperatorError(*(Mistake(folder.place(MANIFEST), each, remedy) for each in problems))
    checked = "its signature is good" if key else "no signature was asked for"
    log.debug("%s: opened in %s, %d hosts, %s", manifest.run_id, folder.url, len(manifest.hosts), checked)
    return Run(folder, manifest, keys=dump_keys)


def _unusable(manifest: Manifest) -> Iterator[str]:
    """Values that mapsweep never writes into a manifest, and that would fail later."""
    if manifest.scope.evidence not in EVIDENCE:
        yield "asks for an unknown kind of evidence"
    for name in ("started_at", "deadline_at"):
        if not is_readable(getattr(manifest, name)):
            yield f"has an unreadable {name}"
    names = [host.name for host in manifest.hosts]
    if len(set(names)) != len(names) or not all(names):
        yield "has a host twice, or one without a name"
    if not manifest.rules_version:
        yield "has no version of the rules"
    if not all(is_day(mute.until) and mute.reason for mute in manifest.mutes):
        yield "has a mute without a reason or a last day"
    to = (*manifest.mail_to, *(each for owner in manifest.mail_owners for each in owner.to))
    if not all(each.isprintable() for each in to):
        yield "has a recipient that is not one line"


def _check_signature(folder: Store, key: bytes, manifest: bytes) -> None:
    try:
        problem = "" if is_signed(key, manifest, folder.read(SIGNATURE)) else "does not match manifest.json"
    except FileNotFoundError:
        problem = "is missing"
    if problem:
        remedy = "plan the run with the signing key of the workers that execute it"
        raise OperatorError(Mistake(folder.place(SIGNATURE), problem, remedy))
