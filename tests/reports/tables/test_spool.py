import resource
import tempfile
from collections.abc import Iterator
from errno import EFBIG
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from reports.tables.spool import Spool

LARGEST_FILE_BYTES = 100_000


@pytest.fixture
def small_files() -> Iterator[None]:
    """As on a disk that is nearly full: the kernel refuses larger files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_frames_come_back_in_any_order_and_as_often_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    frames = [pl.DataFrame({"name": ["a"] * rows, "size": range(rows)}) for rows in (3, 0, 5000)]
    with Spool() as spool:
        for frame in frames:
            spool.add(frame)
        assert not list(tmp_path.iterdir())  # nothing that a killed process would leave
        for number in (2, 0, 1, 2):
            assert_frame_equal(spool.frame(number), frames[number], check_dtypes=False)


@pytest.mark.usefixtures("small_files")
def test_a_full_disk_is_told_by_its_place() -> None:
    frame = pl.DataFrame({"text": [str(number**9) for number in range(50_000)]})  # more than fits
    with Spool() as spool, pytest.raises(OSError, match=tempfile.gettempdir()) as error:
        spool.add(frame)
    assert (error.value.errno, error.value.filename) == (EFBIG, tempfile.gettempdir())
