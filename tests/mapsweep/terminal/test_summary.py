from dataclasses import replace

import pytest

from mapsweep.terminal.summary import summary_lines
from mapsweep.terminal.terminal import Terminal, cells
from reports.report import FailureGroup
from tests.mapsweep.reports_made import GIB, MIB, fleet, host, host_rows

REFUSED = FailureGroup("failed", "auth", "auth_rejected", "check the user", "refused", ("prod-db-07",), 1)
FLEET = fleet(
    [
        host("prod-frontend-0017.eu-central-1.example.org", 41 * GIB, 512 * MIB, rank=1),
        host("prod-web-02", 4 * GIB, 30 * MIB, rank=2),
        host("prod-web-03", 300 * MIB, 8 * MIB, rank=3, comm="\x1b[31mred"),
        host("prod-db-07", None),
    ],
    (REFUSED,),
)
PLACES = ("/srv/runs/20261123T050000Z-adhoc-beef/report/index.html",)
HINTS = ("mapsweep mail latest --to you@example.org",)


def screen(columns: int, *, is_tty: bool = True, colour: bool = False) -> Terminal:
    return Terminal(columns=columns, is_tty=is_tty, colour=colour, unicode=True, redraws=False)


def shown(terminal: Terminal) -> str:
    return "\n".join(summary_lines(FLEET, terminal, PLACES, HINTS)) + "\n"


FAILED = "1 failed: auth auth_rejected (prod-db-07): check the user\n"
_VERDICT = "PARTIAL: Native heap <= 45.3 GiB on 3 of 4 hosts; 1,234 thread stacks <= 550 MiB."
PARTIAL = f"{_VERDICT} 3 ok, 1 failed of 4 hosts.\n"
PARTIAL_60 = """\
PARTIAL: Native heap <= 45.3 GiB on 3 of 4 hosts; 1,234
  thread stacks <= 550 MiB. 3 ok, 1 failed of 4 hosts.
"""
PARTIAL_80 = """\
PARTIAL: Native heap <= 45.3 GiB on 3 of 4 hosts; 1,234 thread stacks <= 550
  MiB. 3 ok, 1 failed of 4 hosts.
"""
WHERE = """\
report: /srv/runs/20261123T050000Z-adhoc-beef/report/index.html
next:   mapsweep mail latest --to you@example.org
"""


RANKING_60 = """\
host                                   native heap
prod-web-03                             <= 300 MiB  █
prod-web-02                             <= 4.0 GiB  █
prod-frontend-0017…ral-1.example.org   <= 41.0 GiB  ████████
"""
RANKING_80 = """\
host                                         native heap        stacks
prod-web-03                                   <= 300 MiB    <= 8.0 MiB  █
prod-web-02                                   <= 4.0 GiB   <= 30.0 MiB  █
prod-frontend-0017.eu…entral-1.example.org   <= 41.0 GiB    <= 512 MiB  ████████
"""
RANKING_160 = """\
host                                          native heap        stacks      growth
prod-web-03                                    <= 300 MiB    <= 8.0 MiB           -  █                                 \\x1b[31mred (4711)
prod-web-02                                    <= 4.0 GiB   <= 30.0 MiB           -  ███                               java (4711)
prod-frontend-0017.eu-central-1.example.org   <= 41.0 GiB    <= 512 MiB           -  ████████████████████████████████  java (4711)
"""  # noqa: E501 - a terminal of 160 columns


@pytest.mark.parametrize(
    ("columns", "ranking", "partial"),
    [(60, RANKING_60, PARTIAL_60), (80, RANKING_80, PARTIAL_80), (160, RANKING_160, PARTIAL)],
)
def test_the_ending(columns: int, ranking: str, partial: str) -> None:
    assert shown(screen(columns)) == f"{ranking}\n{FAILED}\n{partial}{WHERE}"


def test_doubtful_labels_are_a_sentence_below_the_verdict() -> None:
    largest, doubtful, *others = FLEET.hosts
    doubtful = replace(doubtful, doubtful=3, most_guessed="java (4711)")
    report = replace(
        FLEET, hosts=host_rows([largest, doubtful, *others]), totals=replace(FLEET.totals, doubtful=3)
    )
    lines = list(summary_lines(report, screen(80), PLACES, HINTS))
    start = lines.index("  MiB. 3 ok, 1 failed of 4 hosts.") + 1
    assert lines[start : lines.index(WHERE.splitlines()[0])] == [
        "Doubtful labels: 3 processes on 1 host (prod-web-02: java (4711) and 2 more).",
        "  Sweep again with --evidence smaps, which decides some of them: see",
        "  docs/doubtful-labels.md.",
    ]


def test_a_pipe_gets_each_sentence_in_one_line() -> None:
    assert shown(screen(60, is_tty=False)).endswith(f"\n{FAILED}\n{PARTIAL}{WHERE}")


def test_a_pipe_cuts_nothing_and_holds_no_escape() -> None:
    text = shown(screen(80, is_tty=False))
    assert "prod-frontend-0017.eu-central-1.example.org" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("columns", [40, 60, 79, 80, 100, 120, 160, 200])
def test_the_ranking_fits_the_terminal(columns: int) -> None:
    ranking = shown(screen(columns)).split("\n\n")[0].splitlines()
    assert len(ranking) == 4
    assert max(map(cells, ranking)) <= columns


def test_the_largest_is_nearest_the_prompt() -> None:
    ranking = shown(screen(80)).split("\n\n")[0].splitlines()
    assert [line.split()[0][:10] for line in ranking[1:]] == ["prod-web-0", "prod-web-0", "prod-front"]
    assert "41.0 GiB" in ranking[-1]


def test_a_host_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in shown(screen(160))
    assert "\\x1b[31mred (4711)" in shown(screen(160))


def test_colour_adds_only_escapes() -> None:
    plain, coloured = shown(screen(80)), shown(screen(80, colour=True))
    assert coloured != plain
    for style in ("1", "2", "31", "32", "33", "0"):
        coloured = coloured.replace(f"\x1b[{style}m", "")
    assert coloured == plain


def test_no_host_answered() -> None:
    dead = fleet([host("a", None), host("b", None)], (REFUSED,))
    lines = list(summary_lines(dead, screen(80), PLACES, ()))
    assert lines[0].startswith("1 failed: auth auth_rejected")
    assert "FAILED: 0 of 2 hosts answered." in lines[2]
