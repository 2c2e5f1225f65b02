"""Findings for people: who, how grave, which figures; then what to do, once for all of the same advice."""

from collections.abc import Iterator
from typing import Final

import polars as pl

from mapsweep.terminal.prose import prose
from mapsweep.terminal.terminal import Style, Terminal

FINDINGS_MAX: Final = 10  # without --all
_SAID: Final = ("severity", "advice", "confirm", "not_shown")
_STYLES: Final = {"alarm": Style.BAD, "warning": Style.ODD}


def finding_lines(
    findings: pl.DataFrame, terminal: Terminal, *, named: bool, findings_max: int | None = FINDINGS_MAX
) -> Iterator[str]:
    """The lines; `named` tells of which process each is. Those above `findings_max` are counted."""
    shown = findings.head(findings_max or len(findings))
    for (severity, advice, confirm, not_shown), members in shown.group_by(_SAID, maintain_order=True):
        for row in members.iter_rows(named=True):
            name = f"{row['comm'] or '?'} ({row['pid']}): " if named else ""
            first, *others = prose(f"{severity}: {name}{row['evidence']}", terminal, "  ")
            word = str(severity)
            yield first.replace(word, terminal.styled(word, _STYLES.get(word, Style.FAINT)), 1)
            yield from others
        for label, text in (("", advice), ("to confirm: ", confirm), ("not shown: ", not_shown)):
            if text:
                yield from prose(f"{label}{text}", terminal, "    ")
    if len(findings) > len(shown):
        yield f"  and {len(findings) - len(shown):,} more: --all"
