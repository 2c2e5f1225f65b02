"""What HotSpot says of its own memory: `jcmd VM.native_memory detail`, and from JDK 22 `System.map`."""

import re
from collections.abc import Iterator
from typing import Final

from bench.live.ranges import Range

_RESERVED = re.compile(
    r"^\[0x([0-9a-f]+) - 0x([0-9a-f]+)\] reserved (?:and committed )?\d+KB for (.+?)(?: from)?\s*$",
    re.MULTILINE,
)
_MAPPED = re.compile(
    r"^0x([0-9a-f]+)-0x([0-9a-f]+)\s+\d+ \S{4}\s+\d+\s+\d+\s+\S+\s+\S+\s+(\S+)", re.MULTILINE
)

KIND_OF_TAG: Final = {
    "Java Heap": "java_heap",
    "Shared class space": "java_cds",
    "Class": "java_metaspace",
    "Metaspace": "java_metaspace",
    "Code": "java_code",
    "GC": "java_gc",
    "Card Table": "java_gc",
    "Thread Stack": "thread_stack",
}
UNTOLD: Final = ("Unknown", "None")
OVER_FILES: Final = ("java_heap", "java_cds")  # archives are mapped, within the heap too
_KIND_OF_WORD: Final = {
    "JAVAHEAP": "java_heap",
    "CDS": "java_cds",
    "CLASS": "java_metaspace",
    "META": "java_metaspace",
    "CODE": "java_code",
    "GC": "java_gc",
    "CARDTBL": "java_gc",
}


def regions(text: str) -> list[Range]:
    """Every region that `VM.native_memory detail` lists as reserved, by the kind that its tag stands for."""
    return [
        Range(int(start, 16), int(end, 16), KIND_OF_TAG.get(tag, "java_other"), f"NMT {tag}")
        for start, end, tag in _RESERVED.findall(text)
        if tag not in UNTOLD
    ]


def disagreements(system_map: str, known: list[Range]) -> Iterator[str]:
    """Lines of `System.map` whose word differs from the region around them: one of the two is wrong."""
    for start, end, words in _MAPPED.findall(system_map):
        low, high = int(start, 16), int(end, 16)
        word = words.split(",")[0]
        kind = "thread_stack" if word.startswith("STACK-") else _KIND_OF_WORD.get(word)
        around = [one for one in known if one.start <= low and high <= one.end]
        if kind and around and all(one.kind != kind for one in around):
            yield f"{start}-{end} {word} against {around[0].source}"
