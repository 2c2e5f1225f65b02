"""One process as a line of CSV with the columns of the tool of 2013, for scripts that were written for it."""

import numpy as np

from mapsweep.process_view.labelled_process import LabelledProcess
from procmaps.kinds import FAMILY_OF, Family, Kind
from procmaps.tables import Flags

HEADER = (
    "JAVA-RSS;JAVA-VSZ;FILES-VSZ;NATIVE-HEAP-RSS;STACKS-RSS;STACKS-VSZ;THREAD-HEAPS-RSS;THREAD-HEAPS-VSZ;"
    "UNKNOWN-RSS;UNKNOWN-VSZ;SUM-RSS;SUM-VSZ"
)

JAVA = tuple(kind for kind in Kind if FAMILY_OF[kind] is Family.JAVA)
FILES = (Kind.FILE_CODE, Kind.FILE_RODATA, Kind.FILE_DATA)  # without bss, whose bytes are not in the file
_NAMED = (*JAVA, *FILES, Kind.HEAP_MAIN, Kind.THREAD_STACK, Kind.HEAP_ARENA, Kind.SYSTEM)
OTHERS = tuple(
    kind for kind in Kind if kind not in _NAMED
)  # UNKNOWN there, because that tool did not know them


def csv_line(process: LabelledProcess) -> str:
    """The twelve columns in bytes. RSS means committed there, as in that tool, with smaps or without."""

    def of(*kinds: Kind) -> Flags:
        return np.isin(process.parts.kind, kinds)

    def vsz(parts: Flags) -> int:
        return process.sum_bytes(parts)

    def rss(parts: Flags) -> int:
        return process.sum_bytes(parts & process.accessible)

    java, files, others = of(*JAVA), of(*FILES), of(*OTHERS)
    heap, stacks, arenas = of(Kind.HEAP_MAIN), of(Kind.THREAD_STACK), of(Kind.HEAP_ARENA)
    columns = (
        rss(java),
        vsz(java),
        vsz(files),
        rss(heap),
        rss(stacks),
        vsz(stacks),
        rss(arenas),
        vsz(arenas),
        rss(others),
        vsz(others),
        rss(java | heap | stacks | arenas | others),  # the RSS columns; files have none
        int(process.sizes_bytes.sum()),
    )
    return ";".join(map(str, columns))
