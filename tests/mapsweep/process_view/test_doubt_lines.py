"""What `mapsweep classify` says of a process with doubtful labels."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mapsweep.cli import mapsweep

LINES = (
    "55d0c0000000-55d0c0006000 r-xp 00000000 fc:00 393301                     /usr/bin/svc",
    "55d0c1a00000-55d0c1b00000 rw-p 00000000 00:00 0                          [heap]",
    "7f1a60000000-7f1a61800000 -w-p 00000000 00:00 0 ",  # access that no owner asks for
)
IN_USE_KIB = ((24, 0), (1000, 0), (24_000, 500))  # Rss and Swap of each
STATUS = "VmRSS:\t   25024 kB\nRssAnon:\t   25000 kB\nVmSwap:\t     500 kB\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A process of which nine tenths are labelled by a guess."""
    walked = (
        f"{line}\nRss: {rss:>12} kB\nPss: {rss:>12} kB\nSwap: {swap:>11} kB\n"
        for line, (rss, swap) in zip(LINES, IN_USE_KIB, strict=True)
    )
    (tmp_path / "smaps").write_text("".join(walked))
    (tmp_path / "maps").write_text("".join(f"{line}\n" for line in LINES))
    (tmp_path / "status").write_text(STATUS)
    return tmp_path


def shown(target: Path, *options: str) -> str:
    result = CliRunner().invoke(mapsweep, ["classify", *options, str(target)])
    assert result.exit_code == 0, result.output
    return result.stdout


FROM_SMAPS = """
doubtful labels: 23.9 MiB of 24.9 MiB resident or swapped (95 %) is labelled
  by a guess
  anonymous or heap_mmap: 23.9 MiB
  native heap: 1,000 KiB; by its labels 1,000 KiB to 24.4 MiB
  smaps was read and does not decide it: --why shows which memory it is;
    docs/doubtful-labels.md
"""
FROM_MAPS = """
doubtful labels: at most 24.0 MiB of 24.9 MiB resident or swapped (96 %) is
  labelled by a guess
  anonymous or heap_mmap: at most 24.0 MiB
  native heap: at most 1.0 MiB; by its labels at most 1.0 MiB to 24.4 MiB
  only maps was read: smaps, which its owner and root may read, settles some
    doubts; docs/doubtful-labels.md
"""
OF_MAPS_ALONE = """
doubtful labels: at most 24.0 MiB of 25.0 MiB accessible (95 %) is labelled by
  a guess
"""


def test_what_is_guessed_of_what_and_what_to_do(folder: Path) -> None:
    assert shown(folder).endswith(FROM_SMAPS)
    assert shown(folder, "--evidence", "maps").endswith(FROM_MAPS)
    assert "the reasons below show which memory it is" in " ".join(shown(folder, "--why").split())


def test_without_status_accessible_bytes_are_told(folder: Path) -> None:
    assert OF_MAPS_ALONE in shown(folder / "maps")


def test_json_has_the_figures(folder: Path) -> None:
    document = json.loads(shown(folder, "--format", "json"))
    names = ("native_heap_least_bytes", "native_heap_resident_max_bytes", "native_heap_most_bytes")
    assert [document[name] // 1024 for name in names] == [1000, 1000, 25_000]
    assert [document[name] // 1024 for name in ("guessed_bytes", "present_bytes")] == [24_500, 25_524]
    assert document["doubtful"] is True


def test_a_tenth_is_not_told(folder: Path) -> None:
    used = ((24, 0), (900, 0), (100, 0))
    walked = (
        f"{line}\nRss: {rss:>12} kB\nPss: {rss:>12} kB\nSwap: {swap:>11} kB\n"
        for line, (rss, swap) in zip(LINES, used, strict=True)
    )
    (folder / "smaps").write_text("".join(walked))
    assert "doubtful" not in shown(folder)
    assert json.loads(shown(folder, "--format", "json"))["doubtful"] is False
