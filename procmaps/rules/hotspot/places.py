"""What a JVM reserves as it starts, found by size, place and shape, before other labellers look."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from procmaps.rules.hotspot import code_cache, heap, metaspace
from procmaps.rules.hotspot.jvm import Jvm, jvm_of
from procmaps.rules.labeller import Claim, ProcessLabeller, without
from procmaps.rules.process import Process
from procmaps.rules.rule import Rule

Step: TypeAlias = Callable[[Jvm, Process], Iterable[Claim]]


def turn(name: str, steps: Sequence[tuple[Rule, Step]]) -> ProcessLabeller:
    """A labeller that takes steps in this order, each of which sees what those before it have left."""

    def find(jvm: Jvm, process: Process) -> list[Claim]:
        claims: list[Claim] = []
        for _, step in steps:
            found = list(step(jvm, process))
            process = without(process, found)
            claims += found
        return claims

    return ProcessLabeller(name, tuple(rule for rule, _ in steps), find, marks=("jvm",), state=jvm_of)


HEAP: Final = turn(
    "hotspot.heap",
    (
        (heap.ZGC, heap.zgc),
        (heap.BY_SIZE, heap.by_size),
        (code_cache.CODE_CACHE, code_cache.code_cache),
        (heap.BY_PLACE, heap.by_place),
    ),
)
CLASSES: Final = turn(
    "hotspot.classes",
    ((metaspace.ARCHIVES, metaspace.archives), (metaspace.CLASS_SPACE, metaspace.class_space)),
)
NODES: Final = turn(
    "hotspot.nodes",
    (
        (metaspace.LOW_REST, metaspace.low_rest),
        (metaspace.NODES, metaspace.nodes),
        (heap.BY_EXTENT, heap.by_extent),
    ),
)
