"""All runs in one place: created, opened by id, path or URL, and given to the fleet's workers."""

import difflib
import logging
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from errno import ENAMETOOLONG
from pathlib import Path

from archive import codec
from archive.notices import NOTICE_ID
from archive.places import store_at
from archive.run import CLOSED, MANIFEST, Run
from archive.signature import SIGNATURE, is_signed, sign
from archive.store import Store
from domain.mistakes import Mistake, OperatorError
from domain.moments import is_readable
from domain.records import Closed, Manifest

log = logging.getLogger("archive")

EVIDENCE = ("maps", "smaps")
LATEST = "latest"
MANIFEST_BYTES_MAX = 128 * 2**20  # a manifest of 100,000 hosts has about 40 MB
NAME_LENGTH_MAX = 40
SHOWN_LENGTH_MAX = 80  # characters shown of a wrong run id
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[a-z0-9_.-]{1,40}-[0-9a-f]{4}")
_ID_BEGINNING = re.compile(r"\d[0-9A-Za-z_.-]*")
_DAY = re.compile(r"\d{4}-\d\d(?:-\d\d)?")
_QUEUED = "queued"
SHOWN_IDS_MAX = 5
NEAR_IDS_MAX = 3  # suggested for a name that no run has
_UNMAILED = "unmailed"


def new_run_id(started: datetime, name: str, suffix: str = "") -> str:
    """`20261123T045837Z-NAME-SUFFIX`; without a suffix, four random hex digits."""
    plain = re.sub(r"[^a-z0-9_.-]+", "-", name.lower())[:NAME_LENGTH_MAX].strip("-.") or "run"
    return f"{started:%Y%m%dT%H%M%SZ}-{plain}-{suffix or secrets.token_hex(2)}"


def started_of(run_id: str) -> datetime | None:
    """The time in an id; None for what is no id, or names a day that does not exist."""
    if not _RUN_ID.fullmatch(run_id):
        return None
    try:
        return datetime.strptime(run_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def name_of(run_id: str) -> str:
    """The name in an id: that of the scope, as far as an id can hold it."""
    return run_id.split("-", 1)[1].rpartition("-")[0]


class NoRunError(OperatorError):
    """There is no run, or none any more."""


class Runs:
    """All runs under one folder or URL. With a key, new runs are signed and unsigned ones are refused."""

    def __init__(self, url: str, signing_key: bytes = b"") -> None:
        self.store = store_at(url)
        self._key = signing_key

    @property
    def signs(self) -> bool:
        """Whether new runs are signed here."""
        return bool(self._key)

    def create(self, manifest: Manifest) -> Run:
        """Start a run: write its manifest; FileExistsError if a run of that id exists.

        OperatorError if the manifest is so large that nobody would read it.
        """
        if not _RUN_ID.fullmatch(manifest.run_id):
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
        if not folder.write_once(MANIFEST, text):
            raise FileExistsError(folder.url)
        if self._key:  # after the manifest, so that only the one creator that wrote it signs
            folder.write_once(SIGNATURE, sign(self._key, text))
        signed = "signed" if self._key else "not signed"
        log.debug(
            "%s: created in %s, %d bytes of manifest, %s", manifest.run_id, folder.url, len(text), signed
        )
        return Run(folder, manifest)

    def open(self, name: str) -> Run:
        """A run by its id or the beginning of one, its path or URL, or the last one as `latest`.

        OperatorError if there is none, or if several ids begin so.
        """
        run_id = self.named(name)
        if run_id is None:
            if _is_place(name):
                return open_run(name, self._key)
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
        """The id that a name stands for: an id, the beginning of one here, or `latest`; None for no id.

        A day, as 2026-11-29 or 2026-11 (UTC), is the beginning of the ids of that day.

        Nothing is opened. OperatorError if several ids here begin so, or for `latest` if there is none.
        """
        if name == LATEST:
            return self.latest()
        if _RUN_ID.fullmatch(name):
            return name
        if not _ID_BEGINNING.fullmatch(name):
            return None
        start = name.replace("-", "") if _DAY.fullmatch(name) else name
        found = [run_id for run_id in self.ids() if run_id.startswith(start)]
        if len(found) > 1:
            shown = ", ".join(found[:SHOWN_IDS_MAX]) + (", ..." if len(found) > SHOWN_IDS_MAX else "")
            problem = f"is the beginning of {len(found)} runs: {shown}"
            raise OperatorError(Mistake(name[:SHOWN_LENGTH_MAX], problem, "give more of the id"))
        return found[0] if found else None

    def by_id(self, run_id: str) -> Run:
        """A run here by its id alone, for ids that others sent; NoRunError where it is not there.

        OperatorError for whatever else.
        """
        if not _RUN_ID.fullmatch(run_id):
            shown = ascii(run_id[:SHOWN_LENGTH_MAX])
            raise OperatorError(Mistake(shown, "is not a run id", "`mapsweep runs` lists the runs"))
        run = _opened(self.store.under(run_id), self._key)
        if run.run_id != run_id:
            problem = f"belongs to the run {run.run_id[:SHOWN_LENGTH_MAX]!a}"
            raise OperatorError(
                Mistake(run.store.place(MANIFEST), problem, "the folder was moved or damaged")
            )
        return run

    def ids(self) -> list[str]:
        """The ids of all runs, oldest first."""
        return [name for name in self.store.list() if _RUN_ID.fullmatch(name)]

    def latest(self) -> str:
        """The id of the run that began last; OperatorError if there is none."""
        for run_id in reversed(self.ids()):
            if self.store.exists(f"{run_id}/{MANIFEST}"):
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

    # Marks of runs that were given to the fleet's workers.

    def queue(self, run_id: str) -> None:
        """Mark a run as given to the workers, until it is finished."""
        self.store.write_once(f"{_QUEUED}/{run_id}", b"")

    def queued(self) -> tuple[str, ...]:
        """The ids of the runs that were given to the workers and are not finished."""
        return tuple(name for name in self.store.list(_QUEUED) if _RUN_ID.fullmatch(name))

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
            name
            for name in self.store.list(_UNMAILED)
            if _RUN_ID.fullmatch(name) or NOTICE_ID.fullmatch(name)
        )

    def unmark_unmailed(self, name: str) -> None:
        """Remove the mark of what nothing more is to be done about."""
        self.store.remove(f"{_UNMAILED}/{name}")


def runs_beside(run: Run) -> Runs:
    """The runs in the same folder, with which growth is compared."""
    return Runs(run.url.rpartition("/")[0] or "/")


def _is_place(name: str) -> bool:
    """Whether a name is a path or a URL: an id has neither, and a folder may be named without a slash."""
    if "/" in name or name.startswith(("~", ".")):
        return True
    try:
        return Path(name).is_dir()
    except OSError:  # as too long a name
        return False


def open_run(url: str, signing_key: bytes = b"") -> Run:
    """The run at a path or URL; NoRunError where there is none, OperatorError if a key did not sign it."""
    local = url.startswith("~") or "://" not in url
    return _opened(store_at(str(Path(url).expanduser()) if local else url), signing_key)


def _opened(folder: Store, key: bytes) -> Run:
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
    return Run(folder, manifest)


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
    if not all(each.isprintable() for each in manifest.mail_to):
        yield "has a recipient that is not one line"


def _check_signature(folder: Store, key: bytes, manifest: bytes) -> None:
    try:
        problem = "" if is_signed(key, manifest, folder.read(SIGNATURE)) else "does not match manifest.json"
    except FileNotFoundError:
        problem = "is missing"
    if problem:
        remedy = "plan the run with the signing key of the workers that execute it"
        raise OperatorError(Mistake(folder.place(SIGNATURE), problem, remedy))
