"""The kernel's release by what it maps."""

from dataclasses import replace

import pytest

from procmaps.rules.kernel_release import UNKNOWN_RELEASE, is_since, release_of, with_release
from tests.procmaps.rules.labelled import LIBC, anon, kinds, read, sorted_maps

KIB, MIB, AT = 2**10, 2**20, 0x7E0000000000
CLOCK = anon(0x7FFD00004000, 8 * KIB, "r--p", "[vvar_vclock]")


def test_releases_of_kernels() -> None:
    assert release_of("5.10.0-28-amd64") == (5, 10)
    assert release_of("") == UNKNOWN_RELEASE


@pytest.mark.parametrize(
    ("kernel", "since"), [("6.6.99", False), ("6.7.0-rc1", True), ("7.0", True), ("", False)]
)
def test_nothing_holds_since_a_release_that_is_not_known(kernel: str, *, since: bool) -> None:
    assert is_since(release_of(kernel), (6, 7)) is since


@pytest.mark.parametrize(("sent", "release"), [("", "6.13"), ("6.18.1-cloud", "6.18.1-cloud")])
def test_the_clock_pages_tell_a_release_that_was_not_sent(sent: str, release: str) -> None:
    snapshot = read(LIBC + CLOCK)
    snapshot = replace(snapshot, facts=replace(snapshot.facts, kernel=sent))
    assert with_release(snapshot).facts.kernel == release
    assert not with_release(read(LIBC)).facts.kernel


def test_stacks_of_any_size_are_not_looked_for_if_nothing_says_that_the_kernel_hides_guards() -> None:
    # pools of an allocator, as many as threads
    pools = "".join(anon(AT + n * 512 * MIB, 260 * KIB) for n in range(6))
    text = sorted_maps(LIBC, anon(0x7FFD00000000, 132 * KIB, name="[stack]"), pools)
    assert "thread_stack" not in {kind for _, kind in kinds(read(text, threads=7))}
    assert "thread_stack" in {kind for _, kind in kinds(read(text + CLOCK, threads=7))}
