"""The codes of findings, as docs/finding-codes.md lists them.

`python -m mapsweep.finding_codes_docs > docs/finding-codes.md` writes the page.
"""

import sys
from collections.abc import Iterator

from procmaps.findings import Code
from reports.findings.codes import CODES

_TOP = """# Codes of findings

This page is generated: `make docs`. `grew` and `bloated` compare a process with earlier runs and with its
peers; all others look at one process by itself. [Findings](findings.md) says how they live. A finding is no
verdict: it has the figures it rests on, what to do, and a test that would prove it right or wrong. Figures
without smaps are upper bounds and are printed as such, and `concerns_bytes` is then one too.

| code | severity | a process with |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    rows = (f"| [`{code.name}`](#{code.name}) | {_severities(code)} | {code.words} |\n" for code in CODES)
    return _TOP + "".join((*rows, *map(_section, CODES)))


def _section(code: Code) -> str:
    return f"\n## {code.name}\n\n" + "".join(_items(code))


def _items(code: Code) -> Iterator[str]:
    for title, words in (
        ("When", code.when),
        ("What to do", code.advice),
        ("To confirm", code.confirm),
        ("Not shown", code.not_shown),
    ):
        yield f"- *{title}:* {words}\n"


def _severities(code: Code) -> str:
    return ", ".join(severity.label for severity in code.severities)


if __name__ == "__main__":
    sys.stdout.write(page())
