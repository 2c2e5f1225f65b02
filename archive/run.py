"""A run: a folder of records that are written once. docs/run-directory.md shows one.

    manifest.json  manifest.sig  dumps/HOST.dump  results/RULES/HOST.result  failures/HOST.ATTEMPT.json
    failures/RULES/HOST.json  settled/RULES/TABLE-PART.parquet  closed.json  report/

A host is done when its result exists. A result overrides a failure, a later attempt an earlier one, and a
dump the attempts that gave none. A run that was killed between any two writes can continue with the same
result. When a run is reclassified, the new objects are in folders named after their rules, until closed.json
switches to them.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, replace

from archive import codec, dump_file, dump_keys, results
from archive.dump_keys import NO_KEYS, DumpKeys
from archive.host_files import HostFiles, attempt_path, dump_path, failure_path, is_attempt, result_path
from archive.host_names import file_name
from archive.mail_record import MailRecord
from archive.results import Result
from archive.run_mail import RunMail
from archive.store import Store
from domain.mistakes import Mistake, OperatorError
from domain.records import Closed, Dump, Failure, Host, HostRecord, Manifest

log = logging.getLogger("archive")

MANIFEST = "manifest.json"
CLOSED = "closed.json"
LOCK = "lock.json"  # who executes the run on one machine; workers.here.locks
PAGE = "index.html"  # of the report
WEBHOOK = "webhook"  # the folder of what became of posting its news, and the one who gets them
WEBHOOK_BODY = f"{WEBHOOK}/body.json"
_BEFORE_RESULTS = ("footprints", "hosts", "processes")  # folders of older runs; with services their tables


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one host of the run ended: with a result, with a failure, or not yet."""

    host: Host
    result: Result | None
    failure: Failure | None

    @property
    def record(self) -> HostRecord | None:
        """The record of a host that answered."""
        return self.result.record if self.result else None


@dataclass(frozen=True, slots=True)
class Standing:
    """The names of a run's hosts by progress; each name is in at most one set."""

    done: frozenset[str]
    failed: frozenset[str]
    dumped: frozenset[str]  # to be classified


class Run:
    """One run, open for reading, and for writing objects that do not exist yet."""

    def __init__(
        self, store: Store, manifest: Manifest, generation: str = "", keys: DumpKeys = NO_KEYS
    ) -> None:
        self.store = store
        self.manifest = manifest
        self.keys = keys  # of its dumps
        self._generation = generation
        self._is_remade = bool(generation)  # then it is closed only when that generation counts
        self._files = HostFiles(store, manifest.hosts)
        self._names = frozenset(host.name for host in manifest.hosts)

    @property
    def generation(self) -> str:
        """The folder name of results: in a closed run the one that counts, otherwise the planner's rules."""
        if not self._generation:
            closed = self._read_closed()
            self._generation = file_name(self.manifest.rules_version) if closed is None else closed.results
        return self._generation

    def remade(self, rules_version: str) -> "Run":
        """The closed run, to be made again in new folders; the old ones count until it is closed again."""
        name = file_name(rules_version)
        again = re.fullmatch(re.escape(name) + r"(?:-(\d+))?", self.generation)
        number = int(again[1] or 1) + 1 if again else 1
        to_nobody = replace(
            self.manifest, mail_to=(), mail_owners=()
        )  # who was to have the report has had it
        return Run(self.store, to_nobody, name if number == 1 else f"{name}-{number}", self.keys)

    @property
    def is_remade(self) -> bool:
        """Whether it is made again from its dumps: whoever was to be told has been."""
        return self._is_remade

    def without_hosts(self) -> "Run":
        """The same run, for its tables alone: the hosts of its manifest are not kept in memory."""
        return Run(self.store, replace(self.manifest, hosts=()), keys=self.keys)

    def with_keys(self, keys: DumpKeys) -> "Run":
        """The same run, with other keys of its dumps."""
        again = copy(self)
        again.keys = keys
        return again

    @property
    def run_id(self) -> str:
        """The name of the run's folder."""
        return self.manifest.run_id

    @property
    def url(self) -> str:
        """The path or URL of the run, which Runs.open takes."""
        return self.store.url

    def is_there(self) -> bool:
        """Whether the run has not been removed since it was opened."""
        return self.store.exists(MANIFEST)

    def host(self, name: str) -> Host:
        """A host of the run by name; KeyError for any other."""
        return self._files.host(name)

    def asks(self, name: str) -> bool:
        """Whether the run has a host of exactly this name."""
        return name in self._names

    # Dumps, failures and results of hosts.

    def write_dump(self, dump: Dump) -> bool:
        """Keep a host's dump; False if there is one already, which stays."""
        content = dump_keys.encrypted(dump_file.encode(dump), self.keys)
        is_new = self.store.write_once(dump_path(dump.host), content, lasting=False)
        size_bytes = len(dump.memory) + len(dump.identity)
        log.debug("%s: dump of %d bytes %s", dump.host, size_bytes, "kept" if is_new else "was there")
        return is_new

    def read_dump(self, host: str) -> Dump:
        """A host's dump; FileNotFoundError if none is kept, LockedError if it is encrypted for others."""
        path = dump_path(host)
        place = self.store.place(path)
        dump = dump_file.decode(dump_keys.decrypted(self.store.read(path), self.keys, place), place)
        self._check_host(dump.host, host, path)
        return dump

    def remove_dump(self, host: str) -> None:
        """Delete a dump that the manifest does not keep, after its result exists."""
        self.store.remove(dump_path(host))

    def has_dump(self, host: str) -> bool:
        """Whether a host's dump is kept."""
        return self.store.exists(dump_path(host))

    def write_failure(self, failure: Failure, *, of_dump: bool = False) -> bool:
        """Record that a host gave no result: no dump, or one (`of_dump`) that could not be classified."""
        path = attempt_path(failure.host, failure.attempt)
        if of_dump:
            path = failure_path(self.generation, failure.host)
        return self.store.write_once(path, codec.encode(failure), lasting=False)

    def write_result(self, result: Result) -> bool:
        """Write the result of a host, which is then done. False if it was done before."""
        path = result_path(self.generation, result.record.host)
        return self.store.write_once(path, results.encode(result), lasting=False)

    def read_result(self, host: str) -> Result:
        """The result of a host; FileNotFoundError if there is none."""
        path = result_path(self.generation, host)
        result = results.decode(self.store.read(path), self.store.place(path))
        self._check_host(result.record.host, host, path)
        return result

    # Progress of the run.

    def standing(self) -> Standing:
        """Which hosts are done, failed, or wait to be classified; four listings, no file is read."""
        done, dumped = self._files.done(self.generation), self.dumped()
        unreadable = self._files.unreadable(self.generation) - done
        failed = frozenset(self._files.failed_attempts()) - done - dumped
        return Standing(done, failed | unreadable, dumped - done - unreadable)

    def dumped(self) -> frozenset[str]:
        """The hosts whose dump is kept."""
        return self._files.dumped()

    def pending(self, standing: Standing | None = None) -> tuple[Host, ...]:
        """The hosts of the run that have neither a result nor a failure, in the manifest's order.

        By a standing that was read already, or by the present one.
        """
        standing = standing or self.standing()
        ended = standing.done | standing.failed
        return tuple(host for host in self.manifest.hosts if host.name not in ended)

    def outcomes(self) -> tuple[Outcome, ...]:
        """How every host of the run ended, in the manifest's order; all of them in memory."""
        return tuple(self.each_outcome(self.manifest.hosts))

    def each_outcome(self, hosts: Iterable[Host]) -> Iterator[Outcome]:
        """How these hosts ended, one at a time; each result or failure is read once."""
        files, generation = self._files, self.generation
        done, unreadable, dumped = files.done(generation), files.unreadable(generation), files.dumped()
        attempts = files.failed_attempts()
        for host in hosts:
            name = host.name
            if name in done:
                yield Outcome(host, self.read_result(name), None)
            elif name in unreadable:
                yield Outcome(host, None, self._read_failure(name, failure_path(generation, name)))
            elif name in attempts and name not in dumped:
                yield Outcome(host, None, self._read_failure(name, attempt_path(name, attempts[name])))
            else:
                yield Outcome(host, None, None)

    def last_attempt(self, host: str) -> int:
        """The number of the last failed attempt, 0 if there is none."""
        last = 0
        for attempt in range(1, self.manifest.limits.attempts + 1):  # attempts that the collector numbered
            if self.store.exists(attempt_path(host, attempt)):
                last = attempt
        while self.store.exists(attempt_path(host, last + 1)):  # failures that were recorded after those
            last += 1
        return last

    def has_ended(self, host: str) -> bool:
        """Whether a host has a result or a failure."""
        generation = self.generation
        if any(map(self.store.exists, (result_path(generation, host), failure_path(generation, host)))):
            return True
        return not self.has_dump(host) and self.last_attempt(host) > 0

    # The end of a run.

    def write_settled(self, table: str, part: int, content: bytes) -> None:
        """Write a part of a table of the run (Parquet)."""
        self.store.replace(self._settled_path(table, part), content)

    def read_settled(self, table: str, part: int) -> bytes:
        """The Parquet bytes of a part of a table; FileNotFoundError if the run has none."""
        return self.store.read(self._settled_path(table, part))

    def close(self, closed: Closed) -> bool:
        """Close the run after its tables are written; False if it was. A reclassified run is closed anew."""
        for folder in ("dumps", "failures", f"failures/{self.generation}", f"results/{self.generation}"):
            self.store.make_last(folder)  # until here a host that a power cut takes away is done again
        text = codec.encode(closed)
        if self.store.write_once(CLOSED, text):
            return True
        present = self._read_closed()
        if not self._is_remade or (present is not None and present.results == self.generation):
            return False
        self.store.replace(CLOSED, text)
        return True

    def closed(self) -> Closed | None:
        """How the run ended; None while it is open, or while reclassifying it is not finished."""
        closed = self._read_closed()
        if closed is not None and not self._is_remade:
            self._generation = closed.results  # another process may have reclassified it since we looked
        return closed if closed is not None and closed.results == self.generation else None

    def lost_by_remaking(self) -> tuple[str, ...]:
        """The hosts of a closed run, to be made again, that have a result which counts and no new one."""
        closed = self._read_closed()
        if not self._is_remade or closed is None or closed.results == self.generation:
            return ()
        return tuple(sorted(self._files.done(closed.results) - self._files.done(self.generation)))

    def dumps_bytes(self) -> int:
        """The bytes of the dumps that are kept."""
        return self.store.tree_bytes("dumps")

    def results_bytes(self) -> int:
        """The bytes of results, failures and tables, as far as they count or are about to."""
        of_these = (f"results/{self.generation}", f"settled/{self.generation}", f"failures/{self.generation}")
        return sum(map(self.store.tree_bytes, of_these)) + sum(self.store.sizes("failures").values())

    def forget_unreadable(self) -> None:
        """Have the dumps of which nothing could be made classified again."""
        self.store.remove_folder(f"failures/{self.generation}")

    def forget_replaced(self) -> None:
        """Remove objects that no longer count in a closed run; if it is interrupted, some remain."""
        for folder in ("results", "settled", "failures"):
            for name in self.store.list(folder):
                if name != self.generation and not is_attempt(name):
                    self.store.remove_folder(f"{folder}/{name}")
        for name in _BEFORE_RESULTS:
            self.store.remove_folder(name)
        for name in (*_BEFORE_RESULTS, "services"):
            self.store.remove(f"{name}.parquet")

    # Rendered files, for people. Rendering again replaces them.

    def write_report(self, name: str, content: bytes | Iterable[bytes]) -> None:
        """Write a file of the report; one that comes in pieces is never in memory as a whole."""
        self.store.replace(f"report/{name}", content)

    def remove_report(self, name: str) -> None:
        """Remove a file of the report, if it exists."""
        self.store.remove(f"report/{name}")

    def report_path(self, name: str) -> str:
        """The path or URL of a file of the report."""
        return self.store.place(f"report/{name}")

    @property
    def mail_record(self) -> MailRecord:
        """What became of mailing its report to the run's list."""
        return MailRecord(self.store, self.manifest.mail_to)

    @property
    def mail(self) -> RunMail:
        """What became of all its mails: the report to its list, and to each owner what is theirs."""
        return RunMail(self.store, self.manifest.mail_to, self.manifest.mail_owners)

    @property
    def webhook_record(self) -> MailRecord:
        """What became of posting its news to the webhook."""
        return MailRecord(self.store.under(WEBHOOK), (WEBHOOK,))

    def _read_closed(self) -> Closed | None:
        try:
            return codec.read(Closed, self.store, CLOSED)
        except FileNotFoundError:
            return None
        except OperatorError as error:
            (mistake,) = error.mistakes
            remedy = f"remove the file, then mapsweep collect --resume {self.url} closes the run again"
            raise OperatorError(replace(mistake, remedy=remedy)) from error

    def _settled_path(self, table: str, part: int) -> str:
        return f"settled/{self.generation}/{table}-{part:04}.parquet"

    def _read_failure(self, host: str, path: str) -> Failure:
        failure = codec.read(Failure, self.store, path)
        self._check_host(failure.host, host, path)
        return failure

    def _check_host(self, found: str, expected: str, path: str) -> None:
        if found != expected:
            problem = f"is about the host {found!r}, not {expected!r}"
            raise OperatorError(Mistake(self.store.place(path), problem, "the file was moved or damaged"))
