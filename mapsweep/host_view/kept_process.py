"""A process of a kept dump, labelled by today's rules."""

from dataclasses import dataclass
from typing import Final

from archive.dump_keys import LockedError
from archive.dump_snapshot import unpack
from archive.run import Run
from domain.mistakes import Mistake, OperatorError
from mapsweep.process_view.labelled_process import LabelledProcess, labelled
from procmaps.classify import RULES_VERSION
from procmaps.excerpt import excerpt
from procmaps.read import DumpError
from procmaps.tables import UNKNOWN, Evidence
from reports.views.one_host import OneHost, Row

DENIED: Final = Evidence.DENIED.name.lower()
NOT_READ: Final = "its mappings may not be read by the account of the sweep; --become reads those of all"

ONLY_ITS_HOLDERS: Final = "who has the private key can show them"


@dataclass(frozen=True, slots=True)
class Kept:
    """The process, or why there is none; and what differs from the result of the run."""

    process: LabelledProcess | None
    missing: str = ""  # a sentence; "" if it is there
    remedy: str = ""
    rules_differ: str = ""  # a sentence if the rules of the result are of another version


def kept(run: Run, view: OneHost, row: Row) -> Kept:
    """The process of a row of the host from its kept dump.

    OperatorError if the dump is damaged.
    """
    host = view.host["name"]
    if row["evidence"] == DENIED:
        return Kept(None, NOT_READ)
    try:
        dump = run.read_dump(host)
    except FileNotFoundError:
        return _no_dump(run)
    except LockedError as error:
        return Kept(None, str(error.strerror), ONLY_ITS_HOLDERS)
    place = f"dump of {host}"
    try:
        whole = unpack(dump, run.manifest.limits.inflated_bytes).snapshot
    except DumpError as error:
        raise OperatorError(Mistake(place, str(error), "sweep the host again")) from error
    table, ticks = whole.processes, UNKNOWN if row["start_ticks"] is None else row["start_ticks"]
    found = ((table.pid == row["pid"]) & (table.start_ticks == ticks)).nonzero()[0].tolist()
    if not found:
        raise OperatorError(Mistake(place, f"has no process {row['pid']}", "the file was moved or damaged"))
    snapshot = excerpt(whole, found[:1])
    if not len(snapshot.maps):
        return Kept(None, "it has no mappings: it was ending, or is a part of the kernel")
    target = f"{host} in {run.run_id}"
    return Kept(labelled(target, row["pid"], snapshot, Evidence.SMAPS), rules_differ=_rules(view, run))


def _no_dump(run: Run) -> Kept:
    if not run.manifest.keep_dumps:
        return Kept(None, "the run kept no dumps", "set keep_dumps: true, and sweep again")
    if not run.dumped():
        remedy = "another run may have them; keep.dumps_days says for how long they are kept"
        return Kept(None, "the dumps of the run were removed", remedy)
    return Kept(None, "the dump of the host is not kept", "sweep the host again")


def _rules(view: OneHost, run: Run) -> str:
    if view.rules_version == RULES_VERSION:
        return ""
    return (
        f"the mappings are labelled by the rules {RULES_VERSION} of this mapsweep, the sums above by the"
        f" rules {view.rules_version}: they can differ; mapsweep reclassify {run.run_id} makes them equal"
    )
