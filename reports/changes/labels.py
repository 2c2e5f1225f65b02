"""The labels of the run compared with: as they are, or made anew in memory if that run had other rules."""

import logging
import time
from collections.abc import Iterable
from typing import Final

import polars as pl

from archive.dump_keys import LockedError, OtherKeysError
from archive.dump_snapshot import unpack
from archive.host_results import host_record, host_result
from archive.results import Result
from archive.run import Run
from domain.mistakes import OperatorError
from procmaps.classify import RULES_VERSION, classify
from procmaps.doubts import doubts
from procmaps.footprint import footprints
from procmaps.identity import identify
from procmaps.read import DumpError
from reports.tables import measures, sections
from reports.tables.measures import NATIVE
from reports.tables.past_runs import is_of_the_run

RELABELLED_DUMPS_BYTES_MAX: Final = (
    64 * 2**20
)  # some 10 s of CPU: 0.3 MB and 45 ms for a host of 117 processes
RELABELLING_CPU_S_MAX: Final = 60.0  # should those dumps take much longer than others
_PROCESS: Final = ("host", "pid", "start_ticks")

log = logging.getLogger("reports")


class Labels:
    """The labels of an earlier run. What cannot be had is left out; `rests_on` says how much that is."""

    def __init__(self, run: Run, *, has_same_rules: bool, rules_version: str) -> None:
        """`rules_version` is that of the run which is closed: only dumps of other rules are labelled anew."""
        self._run = run
        self.has_same_rules = has_same_rules
        can = not has_same_rules and rules_version == RULES_VERSION
        self._left_bytes = RELABELLED_DUMPS_BYTES_MAX if can else 0
        self._is_whole = can and run.dumps_bytes() <= RELABELLED_DUMPS_BYTES_MAX
        self._until_s = RELABELLING_CPU_S_MAX
        self._made: dict[str, Result] = {}
        self._asked: set[str] = set()
        self._why = ""  # some of its dumps could not be read

    def natives(self, processes: pl.DataFrame, hosts: Iterable[str]) -> pl.DataFrame:
        """Processes of that run, of these hosts with their native heap by the rules of today if it is had."""
        if self.has_same_rules or not self._is_whole:
            return processes
        made = [result for host in hosts if (result := self.result(host)) is not None]
        if not made:
            return processes
        known = measures.measured(sections.processes(made), sections.footprints(made))
        anew = known.select(*_PROCESS, pl.col(NATIVE).alias("_anew")).unique(_PROCESS, keep="first")
        return (
            processes.join(anew, on=list(_PROCESS), how="left", maintain_order="left")
            .with_columns(pl.coalesce(NATIVE, "_anew").alias(NATIVE))
            .drop("_anew")
        )

    def result(self, host: str) -> Result | None:
        """The result of a host by the rules of today; None if it cannot be had."""
        if self.has_same_rules:
            try:
                return self._run.read_result(host)
            except (OperatorError, OSError) as error:
                if not is_of_the_run(error):
                    raise
                return None
        if host not in self._asked:
            self._asked.add(host)
            made = self._labelled(host)
            if made is not None:
                self._made[host] = made
        return self._made.get(host)

    def rests_on(self, hosts: int) -> str:
        """What native growth and kinds rest on, if not on the labels of all `hosts` that both runs read."""
        if self.has_same_rules or len(self._made) >= hosts:
            return ""
        return (
            "The run compared with was labelled by other rules. Its dumps were labelled anew for "
            f"{len(self._made)} of {hosts} hosts{self._why}; of the others, the growth of native heap and "
            "the kinds of changes are not known. Sizes, restarts, and what came and went need no labels."
        )

    def _labelled(self, host: str) -> Result | None:
        """A dump labelled by today's rules; nothing is written."""
        if self._left_bytes <= 0 or self._until_s <= 0:
            return None
        began_s = time.process_time()
        try:
            dump = self._run.read_dump(host)
            self._left_bytes -= len(dump.memory_gz) + len(dump.identity_gz)
            snapshot = unpack(dump, self._run.manifest.limits.inflated_bytes).snapshot
            parts = classify(snapshot)
            record = host_record(dump, snapshot, "", RULES_VERSION)
            sums, unsure = footprints(snapshot, parts), doubts(snapshot, parts)
            return host_result(record, snapshot, identify(snapshot), sums, unsure=unsure, found=[])
        except LockedError as error:
            self._why = f" ({error.strerror})"
            if not isinstance(error, OtherKeysError):
                self._left_bytes = 0  # the others are as this one
            log.info("%s: no dump is labelled anew: %s", self._run.run_id, error)
            return None
        except (OperatorError, OSError, DumpError) as error:
            if isinstance(error, OSError) and not is_of_the_run(error):
                raise
            log.info("%s: the dump of %s is not labelled anew: %s", self._run.run_id, host, error)
            return None
        finally:
            self._until_s -= time.process_time() - began_s
