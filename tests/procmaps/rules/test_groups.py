"""Counting what is alike, and runs that hold something."""

import numpy as np

from procmaps.rules.groups import count_alike, runs_with


def test_alike_is_what_agrees_in_all_columns() -> None:
    process = np.array([0, 1, 0, 1, 0])
    size = np.array([8, 8, 8, 9, 7])
    assert count_alike(process, size).tolist() == [2, 1, 2, 1, 1]
    assert count_alike(process).tolist() == [3, 2, 3, 2, 3]
    assert count_alike(process[:0], size[:0]).tolist() == []


def test_a_run_is_taken_whole_or_not_at_all() -> None:
    run = np.array([1, 1, 2, 2, 3])
    entries = np.array([False, True, False, False, True])
    assert runs_with(run, entries).tolist() == [True, True, False, False, True]
    assert runs_with(run[:0], entries[:0]).tolist() == []
