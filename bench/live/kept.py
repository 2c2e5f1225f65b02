"""What was read of each process and what it said of itself, in folders of the form of the known processes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.live.ranges import Range, Truth

TRUTH: Final = "truth.tsv"
NAMES: Final = "opinion.txt"  # group, name, settings: a line each


@dataclass(frozen=True, slots=True)
class Opinion:
    """One process: what was read, what it says of itself, what was noted."""

    group: str
    name: str
    settings: str
    files: dict[str, bytes]
    truth: Truth
    notes: tuple[str, ...] = ()


def write(folder: Path, opinion: Opinion) -> None:
    """Keep an opinion in a folder of its own below this one."""
    own = folder / f"{opinion.group}-{opinion.name}".replace(" ", "-")
    own.mkdir(parents=True, exist_ok=True)
    for name, content in opinion.files.items():
        (own / name).write_bytes(content)
    (own / TRUTH).write_text(opinion.truth.text())
    (own / NAMES).write_text(f"{opinion.group}\n{opinion.name}\n{opinion.settings}\n")


def read_all(folders: list[Path], only: str) -> list[Opinion]:
    """What was kept below these folders, of names that contain a word; without the notes."""
    names = [file for folder in folders for file in sorted(folder.glob(f"*/{NAMES}"))]
    return [_read(file) for file in names if only in file.read_text().split("\n")[1]]


def _read(names: Path) -> Opinion:
    group, name, settings = names.read_text().split("\n")[:3]
    own = [file for file in names.parent.iterdir() if file.name not in {TRUTH, NAMES}]
    truth = Truth()
    rows = (line.split("\t") for line in (names.parent / TRUTH).read_text().splitlines())
    truth.add(Range(int(start, 16), int(end, 16), kind, source) for start, end, kind, source in rows)
    return Opinion(group, name, settings, {file.name: file.read_bytes() for file in own}, truth)
