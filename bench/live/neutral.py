"""Recorded processes without the names of the machine that they ran on, as they would look elsewhere."""

import platform
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.live.capture import lines_of
from bench.live.kept import Opinion
from bench.live.ranges import Range, Truth
from bench.live.roots import Root

WORK: Final = b"/srv/app"  # for the folder that the programs were built in
PYTHONS: Final = b"/opt/python/"
REPOSITORY: Final = Path(__file__).parents[2]


def of(opinion: Opinion, roots: Sequence[Root], folders: Sequence[Path]) -> Opinion:
    """The same process under neutral paths; its truth only where something is mapped."""
    words = _renamed(roots, folders)
    files = {name: _replaced(content, words) for name, content in opinion.files.items()}
    settings = _replaced(opinion.settings.encode(), words).decode()
    truth = _mapped(opinion.truth, files["maps"], words)
    return Opinion(opinion.group, opinion.name, settings, files, truth, opinion.notes)


def _renamed(roots: Sequence[Root], folders: Sequence[Path]) -> list[tuple[re.Pattern[bytes], bytes]]:
    """What is replaced, in order: the prefix of roots first."""
    found = [(re.escape(bytes(root.path)), b"") for root in roots if not root.is_here]
    found += [(re.escape(place.encode()) + rb"/tmp[\w]+", WORK) for place in (tempfile.gettempdir(), "/tmp")]
    found.append((re.escape(bytes(REPOSITORY / "bench" / "out")), b"/opt"))
    found += [(re.escape(bytes(path.resolve())), b"/opt/" + path.name.encode()) for path in folders]
    found.append((rb"/[^\s\0]*?/\.pyenv/versions/", PYTHONS))
    found.append((re.escape(bytes(REPOSITORY)), b"/opt/mapsweep"))
    found.append((rb"/\w+/[0-9a-f]{32}\b", b"/app"))  # a control group
    found.append((rb"\b" + re.escape(platform.node().encode()) + rb"\b", b"host"))
    found.append((re.escape(sys.prefix.encode()), b"/opt/python"))
    return [(re.compile(pattern), word) for pattern, word in found]


def _replaced(content: bytes, words: Sequence[tuple[re.Pattern[bytes], bytes]]) -> bytes:
    for pattern, word in words:
        content = pattern.sub(word, content)
    return content


def _mapped(truth: Truth, maps: bytes, words: Sequence[tuple[re.Pattern[bytes], bytes]]) -> Truth:
    """Each range cut to the blocks of touching lines that hold it."""
    blocks: list[tuple[int, int]] = []
    for line in lines_of(maps):
        if blocks and blocks[-1][1] == line.start:
            blocks[-1] = blocks[-1][0], line.end
        else:
            blocks.append((line.start, line.end))
    found = Truth()
    found.ranges = [
        Range(
            max(low, one.start), min(high, one.end), one.kind, _replaced(one.source.encode(), words).decode()
        )
        for low, high in blocks
        for one in truth.overlapping(low, high)
    ]
    return found
