"""What `mapsweep classify` says of labels that are only guesses."""

import textwrap
from collections.abc import Iterator
from typing import Final

from mapsweep.process_view.labelled_process import LabelledProcess
from mapsweep.terminal.terminal import Style, Terminal
from procmaps.doubts import DoubtTable
from procmaps.tables import Evidence, FootprintTable
from reports.text.sizes import size

PAGE: Final = "docs/doubtful-labels.md"
GUESSES_TOLD_MAX: Final = 4
_TITLE: Final = "doubtful labels"
_COLUMNS_MIN: Final = 40
_KIB: Final = 1024


def doubt_lines(
    process: LabelledProcess, footprints: FootprintTable, terminal: Terminal, *, why: bool
) -> Iterator[str]:
    """How much is guessed, what it can be instead, and what to do; nothing if the labels are not doubtful."""
    unsure = process.doubts()
    if not unsure.is_doubtful(0):
        return
    head, *others = (
        _wrapped(text, max(terminal.columns, _COLUMNS_MIN))
        for text in _sentences(process, unsure, footprints, why=why)
    )
    yield ""
    yield terminal.styled(_TITLE, Style.ODD) + head[0].removeprefix(_TITLE)
    yield from head[1:]
    for lines in others:
        yield from (f"  {line}" for line in lines)


def _wrapped(text: str, columns: int) -> list[str]:
    """Lines that fit, also after the indent of what follows the title."""
    return textwrap.wrap(
        text, columns - 2, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _sentences(
    process: LabelledProcess, unsure: DoubtTable, footprints: FootprintTable, *, why: bool
) -> Iterator[str]:
    bound = "" if process.evidence is Evidence.SMAPS else "at most "
    used = "resident or swapped" if _is_in_use_known(process) else "accessible"
    guessed, present = int(unsure.guessed_bytes[0]), int(unsure.present_bytes[0])
    share = 100 * guessed // max(1, present)
    part = f"{bound}{_size(guessed)} of {_size(present)} {used} ({share} %)"
    yield f"{_TITLE}: {part} is labelled by a guess"
    for guess in unsure.guesses[:GUESSES_TOLD_MAX]:
        yield f"{guess.words}: {bound}{_size(guess.size_bytes)}"
    if len(unsure.guesses) > GUESSES_TOLD_MAX:
        yield f"and {len(unsure.guesses) - GUESSES_TOLD_MAX} smaller guesses"
    least, native, most = unsure.native_range(process.snapshot, footprints, 0)
    if least != most:
        span = f"{bound}{_size(least)} to {_size(most)}"
        yield f"native heap: {bound}{_size(native)}; by its labels {span}"
    yield _remedy(process, why=why)


def _is_in_use_known(process: LabelledProcess) -> bool:
    return process.has_resident or bool(process.snapshot.processes.rss_bytes[0] >= 0)


def _remedy(process: LabelledProcess, *, why: bool) -> str:
    if process.evidence is not Evidence.SMAPS:
        return f"only maps was read: smaps, which its owner and root may read, settles some doubts; {PAGE}"
    reasons = "the reasons below show" if why else "--why shows"
    return f"smaps was read and does not decide it: {reasons} which memory it is; {PAGE}"


def _size(size_bytes: int) -> str:
    """To a KiB: a mapping's Rss is divided among its parts."""
    return size(round(size_bytes / _KIB) * _KIB, plain=True)
