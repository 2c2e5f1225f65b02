"""Threads without a stack."""

from dataclasses import replace

import numpy as np
import pytest

from procmaps.rules.glibc_stacks.threads import (
    HIDDEN_LIMIT_COUNT,
    default_stack_bytes,
    hide_stacks,
    live_threads,
)
from procmaps.rules.ledger import Ledger
from procmaps.rules.regions import Regions
from procmaps.tables import UNLIMITED
from tests.procmaps.rules.labelled import anon, facts, process, read

KIB = 2**10
MIB = 2**20


def regions(*threads: int, stack_limit_bytes: int = -1) -> Regions:
    """Processes with so many threads and no memory."""
    number = len(threads)
    known = facts(number, threads=np.array(threads), stack_limit_bytes=np.full(number, stack_limit_bytes))
    return Ledger(read(""), known, np.zeros(0, np.uint8), np.zeros(0, np.int64)).regions


def test_an_unknown_number_of_threads_hides_no_stacks() -> None:
    one = regions(-1, 1, 2)
    assert hide_stacks(one).tolist() == [False, False, True]


def test_of_too_many_threads_on_a_host_those_of_the_largest_processes_are_left_out() -> None:
    half = HIDDEN_LIMIT_COUNT // 2
    assert hide_stacks(regions(half + 1, 1, half + 1)).tolist() == [True, False, True]
    assert hide_stacks(regions(half + 2, 1, half + 1)).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("limit", "size"),
    [
        (-1, 2 * MIB),  # not sent
        (UNLIMITED, 2 * MIB),
        (1, 16 * KIB),
        (16 * KIB, 16 * KIB),
        (16 * KIB + 1, 20 * KIB),
        (8 * MIB, 8 * MIB),
        (1024 * MIB, 1024 * MIB),
        (1024 * MIB + 1, 2 * MIB),
    ],
)
def test_the_default_size_of_a_stack_of_one_process_and_of_all(limit: int, size: int) -> None:
    assert replace(process(anon(0x10000, 0x1000)), stack_limit_bytes=limit).default_stack_bytes == size
    assert default_stack_bytes(regions(2, stack_limit_bytes=limit)).tolist() == [size]


@pytest.mark.parametrize("threads", [-1, 1, 2, 500])
def test_live_threads_of_one_process_and_of_all(threads: int) -> None:
    assert [replace(process(anon(0x10000, 0x1000)), threads=threads).live_threads] == live_threads(
        regions(threads)
    ).tolist()
