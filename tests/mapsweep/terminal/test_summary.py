from dataclasses import replace

import pytest

from mapsweep.terminal.summary import CHANGES_MAX, FINDINGS_MAX, summary_lines, trouble_lines
from mapsweep.terminal.terminal import Terminal, cells
from reports.changes.rows import Change, Subject
from reports.findings.rows import FindingGroup, Standing
from reports.report import FailureGroup
from tests.changes_made import changes_of, compared, grew, group, row
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
SUMS = "Native heap <= 45.3 GiB on 3 of 4 hosts; 1,234 thread stacks <= 550 MiB. 3 ok, 1 failed of 4 hosts.\n"
SUMS_60 = """\
Native heap <= 45.3 GiB on 3 of 4 hosts; 1,234 thread stacks
  <= 550 MiB. 3 ok, 1 failed of 4 hosts.
"""
SUMS_80 = """\
Native heap <= 45.3 GiB on 3 of 4 hosts; 1,234 thread stacks <= 550 MiB. 3 ok, 1
  failed of 4 hosts.
"""
WHERE = """\
report: /srv/runs/20261123T050000Z-adhoc-beef/report/index.html
next:   mapsweep mail latest --to you@example.org
"""
SENTENCE_80 = """\
PARTIAL: Nothing to compare with, because no earlier run of adhoc is complete:
  largest host prod-frontend-0017....tral-1.example.org, native heap <= 41.0
  GiB, largest process java (4711); prod-db-07 fails (auth_rejected).
"""
SENTENCE = "".join(f"{line.strip()} " for line in SENTENCE_80.splitlines()).strip() + "\n"


RANKING_60 = """\
host                                   native heap
prod-web-03                             <= 300 MiB  █
prod-web-02                             <= 4.0 GiB  █
prod-frontend-0017…tral-1.example.org  <= 41.0 GiB  ████████
"""
RANKING_80 = """\
host                                         native heap  largest process
prod-web-03                                   <= 300 MiB  \\x1b[31mred (4711)
prod-web-02                                   <= 4.0 GiB  java (4711)
prod-frontend-0017.eu-central-1.example.org  <= 41.0 GiB  java (4711)
"""
RANKING_160 = """\
host                                         native heap       stacks                                    largest process
prod-web-03                                   <= 300 MiB   <= 8.0 MiB  █                                 \\x1b[31mred (4711)
prod-web-02                                   <= 4.0 GiB  <= 30.0 MiB  ███                               java (4711)
prod-frontend-0017.eu-central-1.example.org  <= 41.0 GiB   <= 512 MiB  ████████████████████████████████  java (4711)
"""  # noqa: E501 - a terminal of 160 columns


@pytest.mark.parametrize(
    ("columns", "ranking", "sums", "sentence"),
    [(60, RANKING_60, SUMS_60, None), (80, RANKING_80, SUMS_80, SENTENCE_80), (160, RANKING_160, SUMS, None)],
)
def test_the_ending(columns: int, ranking: str, sums: str, sentence: str | None) -> None:
    text = shown(screen(columns))
    assert text.startswith(f"{ranking}\n{FAILED}\n{sums}{WHERE}PARTIAL: ")
    if sentence is not None:
        assert text.endswith(WHERE + sentence)


def test_doubtful_labels_are_a_sentence_below_the_sums() -> None:
    largest, doubtful, *others = FLEET.hosts
    doubtful = replace(doubtful, doubtful=3, most_guessed="java (4711)")
    report = replace(
        FLEET, hosts=host_rows([largest, doubtful, *others]), totals=replace(FLEET.totals, doubtful=3)
    )
    lines = list(summary_lines(report, screen(80), PLACES, HINTS))
    start = lines.index("  failed of 4 hosts.") + 1
    assert lines[start : lines.index(WHERE.splitlines()[0])] == [
        "Doubtful labels: 3 processes on 1 host (prod-web-02: java (4711) and 2 more).",
        "  Sweep again with --evidence smaps, which decides some of them: see",
        "  docs/doubtful-labels.md.",
    ]


def test_a_pipe_gets_each_sentence_in_one_line() -> None:
    assert shown(screen(60, is_tty=False)).endswith(f"\n{FAILED}\n{SUMS}{WHERE}{SENTENCE}")


def test_a_pipe_cuts_nothing_and_holds_no_escape() -> None:
    text = shown(screen(80, is_tty=False))
    assert "prod-frontend-0017.eu-central-1.example.org" in text
    assert "java (4711)" in text
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
    assert lines[-1] == "FAILED: None of 2 hosts answered: auth_rejected (1)."


# what changed

LEAK = grew("app-03", "checkout.service", 720 * MIB, peers=5, peers_changed=0, owner="payments")
GREW = group(
    Standing.NEW,
    "grew",
    title="checkout.service on app-03 grew 720 MiB in a day",
    advice="Restart it, and look for what only this member does.",
)


def night(columns: int = 80, *, is_tty: bool = True, findings: tuple[FindingGroup, ...] = (GREW,)) -> str:
    """The screen after a night in which a process grew, a host was lost and another did not answer."""
    hosts = [replace(row, growth_bytes=720 * MIB if row.rank == 2 else 0) for row in FLEET.hosts]
    changes = changes_of(
        LEAK,
        row(Change.GREW, Subject.SERVICE, "", "checkout.service", change_bytes=720 * MIB),
        row(Change.GREW, Subject.HOST, "app-03", change_bytes=720 * MIB),
        row(Change.FAILED, Subject.HOST, "prod-db-07", reason="auth_rejected"),
        row(Change.WENT, Subject.HOST, "edge-01\x1b[31m"),
    )
    report = compared(replace(FLEET, hosts=host_rows(hosts)), changes, findings)
    return "\n".join(summary_lines(report, screen(columns, is_tty=is_tty), PLACES, HINTS))


NIGHT_80 = """\
host                              native heap     growth  largest process
prod-web-03                        <= 300 MiB          0  \\x1b[31mred (4711)
prod-web-02                        <= 4.0 GiB   +720 MiB  java (4711)
prod-frontend-00…l-1.example.org  <= 41.0 GiB          0  java (4711)

changed since Sun 22 Nov 05:00 UTC
       gone  edge-01\\x1b[31m           no longer in the inventory
newly fails  prod-db-07                auth_rejected
   +720 MiB  app-03, checkout.service  arenas 76.0 to 796 MiB

findings: 1 new
  new, warning, owner payments: checkout.service on app-03 grew 720 MiB in a day
    to do: Restart it, and look for what only this member does.

1 failed: auth auth_rejected (prod-db-07): check the user

Native heap <= 45.3 GiB on 3 of 4 hosts; 1,234 thread stacks <= 550 MiB. 3 ok, 1
  failed of 4 hosts.
report: /srv/runs/20261123T050000Z-adhoc-beef/report/index.html
next:   mapsweep mail latest --to you@example.org
PARTIAL, CHANGED: app-03, checkout.service: native heap +720 MiB in a day
  (arenas 76.0 to 796 MiB), 5 peers did not grow; prod-db-07 newly fails
  (auth_rejected), edge-01\\x1b[31m is no longer in the inventory.
"""


def test_the_news_at_80_columns() -> None:
    assert night() + "\n" == NIGHT_80


@pytest.mark.parametrize("columns", [48, 60, 72, 80, 100, 120, 160])
def test_the_news_fits_the_terminal(columns: int) -> None:
    lines = [line for line in night(columns).splitlines() if not line.startswith(("report: ", "next: "))]
    assert max(map(cells, lines)) <= columns
    assert "+720 MiB" in "".join(lines)


def test_growth_and_the_largest_process_are_there_at_80_columns_and_in_a_pipe() -> None:
    for is_tty in (True, False):
        (line,) = [line for line in night(is_tty=is_tty).splitlines() if line.startswith("prod-web-02")]
        assert line.split()[-3:] == ["MiB", "java", "(4711)"]
        assert "+720 MiB" in line


def test_a_host_whose_process_was_restarted_has_no_growth_of_0() -> None:
    rows = [replace(one, growth_bytes=0, restarted=1 if one.rank == 3 else 0) for one in FLEET.hosts]
    rows = [replace(one, growth_bytes=5 * MIB, restarted=1) if one.rank == 2 else one for one in rows]
    report = compared(replace(FLEET, hosts=host_rows(rows)), changes_of())
    ranking = "\n".join(summary_lines(report, screen(80), PLACES, HINTS)).split("\n\n")[0].splitlines()
    assert [line.split()[4] for line in ranking[1:3]] == ["restarted", "+5.0"]
    assert ranking[3].split()[4] == "0"


def test_one_piece_of_news_is_one_line() -> None:
    """The service and the host of a process that grew are the same news."""
    block = night().split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in block[1:]] == ["gone", "newly", "+720"]


def test_a_host_cannot_steer_the_terminal_with_news() -> None:
    hostile = group(Standing.NEW, title="\x1b[31mred", advice="\x1b[2J", owner="\u202e")
    for is_tty in (True, False):
        text = night(is_tty=is_tty, findings=(hostile,))
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "edge-01\\x1b[31m" in text


def test_findings_that_are_no_news_are_counted_and_not_told() -> None:
    text = night(findings=(group(Standing.SAME), group(Standing.NEW, mute_reason="known")))
    assert "findings: 1 the same, 1 muted\n" in text
    assert "to do" not in text


def test_more_findings_than_there_is_room_for_are_counted() -> None:
    found = [replace(GREW, service=f"{place}.service") for place in range(FINDINGS_MAX + 1)]
    text = night(findings=(GREW, *found, GREW))
    assert text.count("to do") == FINDINGS_MAX
    assert "  and 3 more in the report\n" in text


def test_findings_of_different_services_are_told_the_first_nearest_the_prompt() -> None:
    other = replace(GREW, service="", title="other")
    text = night(findings=(GREW, other, replace(GREW, title="again")))
    assert text.index(": other") < text.index(": checkout.service on")
    assert ": again" not in text
    assert "  and 1 more in the report\n" in text


def test_more_changes_than_there_is_room_for_are_counted() -> None:
    rows = [row(Change.WENT, Subject.HOST, f"web-{place}") for place in range(CHANGES_MAX + 1)]
    report = compared(FLEET, changes_of(*rows))
    lines = list(summary_lines(report, screen(80), PLACES, HINTS))
    assert sum(line.lstrip().startswith("gone ") for line in lines) == CHANGES_MAX
    assert "6 hosts are no longer in the inventory" in " ".join(lines)
    assert lines.count("  and 1 more in the report") == 1
    fitting = summary_lines(compared(FLEET, changes_of(*rows[:CHANGES_MAX])), screen(80), PLACES, HINTS)
    assert "more in the report" not in "\n".join(fitting)


def test_the_list_begins_with_what_the_sentence_begins_with() -> None:
    rows = [row(Change.APPEARED, Subject.SERVICE, "", f"new-{place}") for place in range(CHANGES_MAX)]
    rows += [row(Change.WENT, Subject.SERVICE, "", f"old-{place}") for place in range(CHANGES_MAX)]
    lines = list(summary_lines(compared(FLEET, changes_of(*rows)), screen(80), PLACES, HINTS))
    assert "CHANGED: 5 services no longer run" in " ".join(lines)
    assert sum(line.lstrip().startswith("gone ") for line in lines) == CHANGES_MAX


def test_trouble_begins_with_the_sentence() -> None:
    lines = list(trouble_lines(FLEET, screen(80, is_tty=False), PLACES))
    assert lines == [SENTENCE.strip(), FAILED.strip(), WHERE.splitlines()[0]]
