"""How large a heap can be, and where it can end."""

from dataclasses import replace

import pytest

from procmaps.rules.hotspot.arguments import JvmArguments
from procmaps.rules.hotspot.heap_sizes import canonical_ends, heap_sizes
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.process import Process
from procmaps.tables import UNKNOWN, UNLIMITED
from tests.procmaps.rules.labelled import GIB, anon, process

MIB = 2**20
ONE = process(anon(GIB, MIB))


def on_host(memory: int, cgroup: bytes = b"", **limits: int) -> Process:
    """A process of a host with this memory, in a cgroup of these limits by the last part of their paths."""
    paths = {"/pods": limits.get("pods", UNKNOWN), "/pods/one": limits.get("one", UNKNOWN)}
    host = replace(ONE.host, mem_total_bytes=memory, cgroup_memory_max_bytes=paths)
    return replace(ONE, host=host, cgroup=cgroup)


@pytest.mark.parametrize(
    ("version", "arguments", "ends"),
    [
        (17, JvmArguments(), {4 * GIB, 32 * GIB}),
        (8, JvmArguments(), {4 * GIB, 31 * GIB}),
        (8, JvmArguments(class_space=256 * MIB), {4 * GIB, 32 * GIB - 256 * MIB}),
        (21, JvmArguments(alignment=16), {4 * GIB, 64 * GIB}),
        (0, JvmArguments(), {4 * GIB, 32 * GIB, 31 * GIB}),
    ],
)
def test_ends_of_heaps_with_compressed_oops(version: int, arguments: JvmArguments, ends: set[int]) -> None:
    assert set(canonical_ends(Jvm(version, arguments))) == ends


def test_a_size_is_rounded_up_to_each_alignment() -> None:
    sizes = heap_sizes(Jvm(17, JvmArguments(heap_max=33 * MIB + 1)), ONE)
    assert sizes == [33 * MIB + 64 * 2**10, *(n * MIB for n in (34, 36, 40, 48, 64))]


@pytest.mark.parametrize(
    ("arguments", "where", "size"),
    [
        (JvmArguments(), on_host(8 * GIB), 2 * GIB),
        (JvmArguments(heap_share=50), on_host(8 * GIB), 4 * GIB),
        (JvmArguments(ram_max=4 * GIB), on_host(8 * GIB), GIB),
        (JvmArguments(), on_host(8 * GIB, b"0::/pods/one/c\n", one=4 * GIB), GIB),
        (JvmArguments(), on_host(8 * GIB, b"5:memory:/pods/one\n", pods=4 * GIB, one=UNLIMITED), GIB),
    ],
)
def test_the_default_is_a_share_of_the_memory(arguments: JvmArguments, where: Process, size: int) -> None:
    assert size in heap_sizes(Jvm(17, arguments), where)


@pytest.mark.parametrize("memory", [UNKNOWN, 0, 3 * MIB])
def test_without_a_memory_that_can_hold_a_heap_no_size_is_known(memory: int) -> None:
    assert heap_sizes(Jvm(17, JvmArguments()), on_host(memory)) == []
