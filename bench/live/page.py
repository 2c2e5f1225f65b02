"""The page of docs/ that says how far the labels agree with processes that know their own memory."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final, TypeAlias

from bench.live import agreement
from bench.live.agreement import Agreement
from procmaps.tables import Evidence

EVIDENCES: Final = (Evidence.MAPS, Evidence.SMAPS)
SHOWN_SUMS: Final = 30
SHOWN_BELOW: Final = 0.99

_HEAD: Final = """# Second opinion

This page compares the labels of the classifier with what processes report about their own memory. The
processes are started for this comparison; they are not recorded cases. `make second-opinion` repeats it
on any machine. This page is from {date}, on {machine}. `OPTIONS='--root DIR'` starts them inside of the
root directory of another release, made by debootstrap, with its libc.

The comparison uses only what can be known without the classifier:

- JVMs: every region of `jcmd VM.native_memory detail` (heap, class space and metaspace, code, GC,
  archives, stacks), between two equal readings of `maps`. From JDK 22 on, `System.map` must agree with
  it.
- All processes: heaps of arenas (`heap_info` on each 64 MiB boundary) and mapped chunks (their headers),
  read from the stopped process; names in `maps`; `.bss` from the ELF headers.
- The C program: its stacks with guards (`pthread_getattr_np`), and the memory that it maps itself.
- Other runtimes and servers: which code mapped what, from `strace -k` or from a preloaded library that
  records callers.

Memory for which no source exists is not compared: the loader's own memory, stacks of JVM threads that
have ended, and memory that native memory tracking lists as unknown. The classifier sees only the files
of one process here. In a sweep it also knows how much memory the host has and which kernel it runs.

Each line gives the share of bytes in the right family, and of exactly the right kind: of accessible
bytes, then of resident bytes.

## At first sight

Mistakes that the first run on a set shows are corrected in the rules. Therefore the tables under the
later headings show whether the rules still hold for known processes, not how good they are for new ones.
The table here has the results from before anybody had looked at the set (family, accessible bytes: share
of all bytes, mean and worst of the processes):

| set | maps | mean | worst | smaps | mean | worst |
|---|---:|---:|---:|---:|---:|---:|
| JVMs 11 to 25 on glibc 2.36, 13 settings | - | 99.7% | - | - | - | - |
| 977 processes, glibc 2.31, 2.41, 2.43: JVMs 8 to 26, C | 99.2% | 98.7% | 0.8% | 99.5% | - | 12.7% |
| 167 processes of other runtimes, allocators and servers | 89.2% | 91.2% | 0.7% | 89.5% | 90.4% | 0.7% |
| then 110 JVMs 8 to 26, flags drawn by chance | 99.7% | 99.5% | 78.7% | 99.7% | 99.6% | 78.7% |
| then 63 processes of 50 other servers and tools | 94.3% | 93.6% | 20.0% | 94.3% | 93.7% | 20.0% |
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
    settings: str
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


def render(rows: list[Row], date: str, machine: str, ill: str = "") -> str:
    """The page, in Markdown: groups whole, those that agree least; `ill` is the section of ill processes."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    settings = {row.name: row.settings for row in rows if row.settings}
    parts = [
        _HEAD.format(date=date, machine=machine),
        *([ill.rstrip() + "\n"] if ill else []),
        _table("All", _sums({"all": rows, **groups})),
        _table("Processes below 99 %", [(f"{row.group}: {row.name}", row.found) for row in _least(rows)]),
        "## What differs most\n",
        *_worst(rows),
        "",
        "## Settings\n",
        *(f"- {name}: `{setting}`" for name, setting in settings.items()),
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


def _least(rows: list[Row]) -> list[Row]:
    """Those with a share of right families below the limit, the lowest first."""

    def lowest(row: Row) -> float:
        return min(shares(one)[0] for one in row.found.values())

    return sorted((row for row in rows if lowest(row) < SHOWN_BELOW), key=lowest)


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
