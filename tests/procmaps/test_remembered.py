"""Answers that outlive a host, in processes that work on thousands of them."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from procmaps import secret_records
from procmaps.cgroups import membership
from procmaps.masking import mask_cmdline
from procmaps.remembered import remembered
from procmaps.secret_paths import mask_comm, mask_mapped, mask_path, mask_word

TEXTS = 40
TEXT_BYTES = 20_000
LEFT_BYTES = 10 * TEXT_BYTES


def test_short_texts_are_remembered_with_their_options_and_long_ones_are_not() -> None:
    asked: list[tuple[bytes, int]] = []

    @remembered(2, short_bytes=3)
    def double(text: bytes, times: int = 2) -> bytes:
        asked.append((text, times))
        return text * times

    assert [double(b"abc"), double(b"abc"), double(b"abc", 3), double(b"abc", times=3)][-1] == b"abc" * 3
    assert asked == [(b"abc", 2), (b"abc", 3), (b"abc", 3)]
    assert double(b"long") == double(b"long") == b"long" * 2
    assert asked[3:] == [(b"long", 2)] * 2


@pytest.mark.parametrize(
    "function",
    [
        mask_path,
        mask_word,
        mask_comm,
        mask_mapped,
        mask_cmdline,
        membership,
        secret_records.mask_stat,
        secret_records.mask_status_name,
        secret_records.mask_fact,
    ],
)
@pytest.mark.parametrize("text", [b"/%d/a", b"[anon:%d=", b"0::/%d.service", b"%d (a=b) R"])
def test_long_texts_that_a_host_chose_leave_nothing_behind(
    function: Callable[[bytes], object], text: bytes
) -> None:
    function(text % 0)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(TEXTS):
            function(text % number + b"x" * TEXT_BYTES)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < LEFT_BYTES
    finally:
        tracemalloc.stop()
