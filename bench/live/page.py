"""The page of docs/ that says how far the labels agree with processes that know their own memory."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final, TypeAlias

from bench.live import agreement
from bench.live.agreement import Agreement
from procmaps.tables import Evidence

EVIDENCES: Final = (Evidence.MAPS, Evidence.SMAPS)
SHOWN_SUMS: Final = 30

_HEAD: Final = """# Second opinion

What the classifier says, against what processes say of their own memory. Not recorded cases: processes that
are started for this. `make second-opinion` does it again on any machine; this page is from {date}, on
{machine}.
With `OPTIONS='--root DIR'` the processes run inside a root directory of another release (from debootstrap,
with /proc mounted, a C compiler and JDKs), so with its libc.

Compared is what can be known without the classifier:

- JVMs: every region of `jcmd VM.native_memory detail` (heap, class space and metaspace, code, GC, archives,
  stacks), between two equal readings of `maps`; from JDK 22 `System.map` has to agree with it.
- All: heaps of arenas (`heap_info` on each 64 MiB boundary) and mapped chunks (their headers), read from the
  stopped process; names in `maps`; `.bss` from the ELF headers.
- The C program: its stacks with guards (`pthread_getattr_np`) and what it maps itself.
- Other runtimes: who called `mmap`, by a preloaded library that writes down the caller of each call.

Not compared is what nobody tells: the loader's own memory, stacks of threads of a JVM that have ended, memory
that native memory tracking lists as unknown. The evidence is the files of one process alone; a fleet's dump
says how much memory the host has and which kernel it runs as well.

Each line: bytes in the right family and of exactly the right kind, of accessible and of resident bytes. The
mistakes that the first runs showed were mended in the rules; the JVM settings from `{after}` on
were chosen after that, and six mistakes in them were mended since.
"""

HEADINGS: Final = "".join(
    f" {evidence.name.lower()}: family | kind | resident: family | kind |" for evidence in EVIDENCES
)
Lines: TypeAlias = list[tuple[str, dict[Evidence, Agreement]]]


@dataclass(frozen=True, slots=True)
class Row:
    """One process, and how its labels agree under each kind of evidence."""

    group: str
    name: str
    flags: str
    found: dict[Evidence, Agreement]


def shares(one: Agreement) -> tuple[float, float, float, float]:
    """Family and exact kind by accessible bytes, then by resident bytes."""
    first, second = one.accessible, one.resident
    return (
        agreement.share(first, families=True),
        agreement.share(first, families=False),
        agreement.share(second, families=True),
        agreement.share(second, families=False),
    )


def render(rows: list[Row], date: str, machine: str, after: str) -> str:
    """The page, in Markdown; `after` is the first setting that the rules had not met."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    settings = {row.name: row.flags for row in rows if row.flags}
    parts = [
        _HEAD.format(date=date, machine=machine, after=after),
        _table("All", _sums(groups)),
        "## What differs most\n",
        *_worst(rows),
        "",
        *(_table(group, [(row.name, row.found) for row in own]) for group, own in groups.items()),
        "## Settings\n",
        *(f"- {name}: `{flags}`" for name, flags in settings.items()),
    ]
    return "\n".join(parts) + "\n"


def _sums(groups: dict[str, list[Row]]) -> Lines:
    lines = []
    for group, rows in groups.items():
        total = {evidence: Agreement() for evidence in EVIDENCES}
        for row in rows:
            for evidence, one in row.found.items():
                total[evidence].accessible.update(one.accessible)
                total[evidence].resident.update(one.resident)
        lines.append((f"{group}, {len(rows)} processes", total))
    return lines


def _table(title: str, lines: Lines) -> str:
    """A heading, and a line a process with the four shares under each kind of evidence."""
    head = [f"## {title}", "", f"| process |{HEADINGS}", "|---|" + "---:|" * 8]
    body = []
    for name, found in lines:
        cells = [f"{part:.1%}" for evidence in EVIDENCES for part in shares(found[evidence])]
        body.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join((*head, *body, ""))


def _worst(rows: list[Row]) -> list[str]:
    """Sums over alike ranges of one process and kind of evidence, the largest first."""
    sums: dict[tuple[str, str, str, str], tuple[int, int]] = {}
    for row in rows:
        for evidence, one in row.found.items():
            for size, _, _, want, got, rule in one.wrong:
                key = (f"{row.group} {row.name}, {evidence.name.lower()}", want, got, rule)
                number, total = sums.get(key, (0, 0))
                sums[key] = number + 1, total + size
    found = sorted(sums.items(), key=lambda item: -item[1][1])
    return [
        f"- {total >> 10:,} KiB in {number} of {want}, labelled {got} by `{rule}` ({name})"
        for (name, want, got, rule), (number, total) in found[:SHOWN_SUMS]
    ] or ["None."]
