"""Names that hosts, processes and inventories might choose to break a report with."""

from pathlib import Path

from archive.run import Run
from tests.reports.fleet import (
    MIB,
    Answered,
    Block,
    Process,
    failure,
    finding,
    heap,
    run_of,
    runs_in,
    stacks,
)

NAMES = (
    "<script>alert(1)</script>",
    "=cmd()",
    "+1+1",
    "-2",
    "@SUM(A1)",
    "\tTAB",
    "\rCR",
    " =leading blank",
    "\x1b[31mred\x1b]0;title\x07",
    "two\nlines\r\nBcc: victim@example.com",
    "not utf-8: \\xff\\xfe",
    "\u202egnp.exe",
    '"><img src=http://127.0.0.1:1/x onerror=alert(1)>',
    "{{ 7 * 7 }}{% for x in y %}",
    "</style></title><base href=//127.0.0.1:1/>",
    "\x00\x7f\x80\x9b",
    "long-" + "x" * 295,
    "a,b;c\"d'e",
    "\u65e5\u672c\u8a9e \U0001f4be",
)


def fleet() -> tuple[Answered, ...]:
    """A host of each name, with a process of each name."""
    return tuple(
        Answered(name, _processes(), findings=(finding(1, text=name),), labels=((name, name),))
        for name in NAMES
    )


def run(folder: Path) -> Run:
    """A run of the fleet in a folder; one more host fails."""
    return run_of(runs_in(folder), *fleet(), failures=(failure("=failed()"),))


def _processes() -> tuple[Process, ...]:
    return tuple(
        Process(
            pid,
            comm=name,
            exe=name,
            arguments=f"{name} {name}",
            service=name,
            trouble=name,
            rss_anon_bytes=8 * MIB,
            doubted_bytes=MIB,
            largest_guess=name,
            blocks=(heap(pid * MIB), stacks(pid, pid * MIB), Block("anonymous", MIB, block_bytes=MIB)),
        )
        for pid, name in enumerate(NAMES, start=1)
    )
