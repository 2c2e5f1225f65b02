"""The sizes of stacks that a JVM gives its own threads, and those of Java unless -Xss says another."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from procmaps.rules.architecture import AARCH64_BITS, RISCV64_BITS, address_bits, is_ppc64le
from procmaps.rules.hotspot.arguments import read_arguments
from procmaps.rules.process import KIB, MIB
from procmaps.tables import Bytes8, Flags, Ints64, MapTable

# OpenJDK, os_cpu/linux_*/globals_linux_*.hpp: VMThreadStackSize
JAVA_STACK_BYTES: Final = MIB  # x86-64 and most others
JAVA_STACK_32_BYTES: Final = 512 * KIB
JAVA_STACK_LARGE_BYTES: Final = 2 * MIB  # aarch64, ppc64le, riscv64
# aarch64 from JDK 21 on, and of earlier releases the later updates: so that huge pages do not fit
UNALIGNED_STACK_BYTES: Final = 2040 * KIB


class Unlike(NamedTuple):
    """Processes that are not of the host's own kind."""

    thirty_two_bit: Flags
    translated: Flags  # by QEMU, whose own stack says nothing of the program in it


def java_stack_bytes(
    maps: MapTable,
    code: Bytes8,
    libjvm: Mapping[int, bytes],
    argv: Sequence[tuple[bytes, ...]],
    unlike: Unlike,
) -> Ints64:
    """VMThreadStackSize of each JVM, given or by default; 0 of each other process."""
    found = np.zeros(len(argv), np.int64)
    if not libjvm:
        return found
    default = np.full(len(argv), JAVA_STACK_BYTES)
    default[[row for row in libjvm if is_ppc64le(maps, row)]] = JAVA_STACK_LARGE_BYTES
    bits = address_bits(maps, code, len(argv))
    large = np.isin(bits, (*AARCH64_BITS, *RISCV64_BITS)) & ~unlike.translated
    default[large] = JAVA_STACK_LARGE_BYTES
    default[unlike.thirty_two_bit] = JAVA_STACK_32_BYTES
    for row in libjvm:
        found[row] = read_arguments(argv[row]).vm_stack or default[row]
    return found


def with_graal(libjvm: Mapping[int, bytes], argv: Sequence[tuple[bytes, ...]]) -> Flags:
    """JVMs whose compiler is Graal (JVMCI), by their paths and arguments."""
    found = np.zeros(len(argv), np.bool_)
    for row, path in libjvm.items():
        found[row] = b"graal" in path.lower() or any(b"JVMCI" in argument for argument in argv[row])
    return found
