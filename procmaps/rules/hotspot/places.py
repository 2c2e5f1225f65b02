"""What a JVM reserves as it starts, found by size, place and shape, before other labellers look."""

from typing import Final

from procmaps.rules.hotspot.code_cache import CODE_CACHE, code_cache
from procmaps.rules.hotspot.heap import BY_EXTENT, BY_PLACE, BY_SIZE, ZGC, by_extent, by_place, by_size, zgc
from procmaps.rules.hotspot.jvm import Jvm, jvm_of
from procmaps.rules.hotspot.metaspace import (
    ARCHIVES,
    CLASS_SPACE,
    LOW_REST,
    NODES,
    archives,
    class_space,
    low_rest,
    nodes,
)
from procmaps.rules.labeller import Claim, ProcessLabeller, in_steps
from procmaps.rules.process import Process

HEAP_STEPS: Final = (zgc, by_size, code_cache, by_place)
CLASS_STEPS: Final = (archives, class_space)
NODE_STEPS: Final = (low_rest, nodes, by_extent)


def heap(jvm: Jvm, process: Process) -> list[Claim]:
    """The Java heap and the code cache."""
    return in_steps(HEAP_STEPS, jvm, process)


def classes(jvm: Jvm, process: Process) -> list[Claim]:
    """Archives of classes and the class space."""
    return in_steps(CLASS_STEPS, jvm, process)


def others(jvm: Jvm, process: Process) -> list[Claim]:
    """Metaspace, and the heap if nothing else tells where it is."""
    return in_steps(NODE_STEPS, jvm, process)


HEAP: Final = ProcessLabeller(
    "hotspot.heap", (ZGC, BY_SIZE, CODE_CACHE, BY_PLACE), heap, marks=("jvm",), state=jvm_of
)
CLASSES: Final = ProcessLabeller(
    "hotspot.classes", (ARCHIVES, CLASS_SPACE), classes, marks=("jvm",), state=jvm_of
)
OTHERS: Final = ProcessLabeller(
    "hotspot.others", (LOW_REST, NODES, BY_EXTENT), others, marks=("jvm",), state=jvm_of
)
