"""Which processes of a host are JVMs, and which parts are theirs."""

from procmaps.rules.draft import Draft
from procmaps.rules.jvm import Jvm, read_arguments, version_of
from procmaps.rules.marks import BIT
from procmaps.tables import Ints64


def rows_of_jvms(draft: Draft) -> Ints64:
    """The parts of all JVMs."""
    return draft.rows_in(draft.has("jvm"))


def find_jvms(draft: Draft, paths: dict[int, bytes]) -> list[Jvm]:
    """The JVMs of the host, one for each process that maps libjvm.so."""
    argv = draft.snapshot.processes.argv
    return [
        Jvm(process, version_of(path), read_arguments(argv[process]))
        for process, path in paths.items()
        if draft.facts.marks[process] & BIT["jvm"]
    ]
