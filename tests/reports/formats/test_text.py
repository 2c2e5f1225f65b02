"""The report as plain text: the news first, in 80 columns."""

from dataclasses import replace

import pytest

from reports.changes.rows import Change, Subject
from reports.findings.rows import Member, Standing
from reports.formats import render_text
from reports.formats.render_text import CHANGES_MAX, FINDINGS_MAX, RESOLVED_MAX, WIDTH
from reports.report import FailureGroup, Report
from reports.sentence import first_advice
from reports.sentence.headline import headline
from tests.changes_made import changes_of, compared, grew, group, row
from tests.mapsweep.reports_made import GIB, MIB, fleet, host

FLEET = fleet([host("app-01", 2 * GIB, 8 * MIB, rank=1), host("app-03", GIB, 8 * MIB, rank=2)])
LEAK = grew(
    "app-03",
    "checkout.service",
    1440 * MIB,
    peers=5,
    peers_changed=0,
    owner="payments",
    per_day_bytes=720 * MIB,
    trend_per_day_bytes=90 * MIB,
)
GONE = row(Change.WENT, Subject.HOST, "edge-01")
NEWS = compared(FLEET, changes_of(LEAK, GONE), (group(Standing.NEW, title="T", advice="A"),))


def text_of(report: Report) -> str:
    return "\n".join(render_text.lines(report)) + "\n"


def test_the_sentence_comes_first_then_changes_findings_and_rankings() -> None:
    text = text_of(NEWS)
    said = " ".join(text.split())
    sentence = headline(NEWS).sentence
    assert said.startswith(f"OK, CHANGED: {sentence} To do: checkout.service on 2 hosts: A Native heap ")
    heads = [
        "What changed since Sun 22 Nov 05:00 UTC\n---",
        "Findings\n---",
        "Hosts by native heap",
        "This run\n---",
    ]
    places = [text.index(head) for head in heads]
    assert places == sorted(places)


def test_what_to_do_is_on_the_first_screen_about_the_headline_first() -> None:
    fails = row(Change.FAILED, Subject.HOST, "db-01", stage="auth", reason="auth_rejected")
    old = FailureGroup("failed", "tcp", "tcp_timeout", "look at the firewall", "", ("web-01",), 1)
    new = FailureGroup("failed", "auth", "auth_rejected", "check the user", "", ("db-01",), 1)
    elsewhere = (Member("db-09", 7, "redis", GIB, "of old"),)
    found = (
        group(Standing.NEW, service="other.service", advice="Look elsewhere. " * 12, first=elsewhere),
        group(Standing.NEW, code="grew", advice="See what it did. " * 12),
        group(Standing.NEW, code="few_arenas", advice="Look for a leak. " * 20),
        group(Standing.SAME, service="third.service", advice="Nobody is asked today"),
    )
    told = compared(replace(FLEET, failures=(old, new)), changes_of(LEAK, GONE, fails), found)
    screen = text_of(told).splitlines()[:20]
    said = " ".join(" ".join(screen).split())
    places = [
        said.index(each)
        for each in (
            "To do: checkout.service on 2 hosts: Look for a leak.",
            "Also to do: other.service on 2 hosts: Look elsewhere.",
            "Also to do: db-01: Check the user.",
        )
    ]
    assert places == sorted(places)
    assert "firewall" not in said  # web-01 failed before, too
    assert "Nobody is asked" not in said
    calm = compared(replace(FLEET, failures=(old, new)), changes_of(fails), found)
    first = next(line for line in text_of(calm).splitlines() if line.startswith("To do: "))
    assert first == "To do: db-01: Check the user."
    assert "Also to do: other.service on 2 hosts: Look elsewhere." in " ".join(text_of(calm).split())


def first_steps(report: Report) -> list[tuple[str, str]]:
    return [(step.label, step.where) for step in first_advice.steps(report)]


def test_where_many_hosts_newly_fail_the_first_thing_to_do_is_about_them() -> None:
    names = [f"db-{number:02}" for number in range(9)]
    failed = [row(Change.FAILED, Subject.HOST, name, stage="tcp", reason="tcp_timeout") for name in names]
    group_of = FailureGroup("failed", "tcp", "tcp_timeout", "look at the firewall", "", tuple(names), 9)
    told = compared(
        replace(FLEET, failures=(group_of,)), changes_of(LEAK, *failed), (group(Standing.NEW, code="grew"),)
    )
    assert headline(told).clauses[0].startswith("9 hosts newly fail")
    assert first_steps(told) == [
        ("To do", "db-00, db-01, db-02, ..."),
        ("Also to do", "checkout.service on 2 hosts"),
    ]


def test_growth_that_no_finding_is_about_is_not_answered_by_the_advice_for_another_service() -> None:
    other = group(Standing.NEW, service="other.service", first=(Member("db-09", 7, "redis", GIB, "of old"),))
    told = compared(FLEET, changes_of(replace(LEAK, kind="")), (other,))
    (own, also) = first_advice.steps(told)
    assert (own.label, own.where) == ("To do", "checkout.service on app-03")
    assert f"mapsweep show {LEAK.host}/{LEAK.pid} --run {told.run.run_id}" in own.advice
    assert (also.label, also.where) == ("Also to do", "other.service on 2 hosts")
    shrank = replace(LEAK, change=Change.SHRANK, change_bytes=-720 * MIB)
    assert first_steps(compared(FLEET, changes_of(shrank), (other,))) == [
        ("Also to do", "other.service on 2 hosts")
    ]


def test_a_change_says_what_its_peers_did_how_fast_it_is_and_whose() -> None:
    assert (
        "  app-03, checkout.service: native heap +1.4 GiB (arenas 76.0 MiB to 1.5 GiB)\n"
        "      5 peers did not grow; +720 MiB a day; +90.0 MiB a day over the last runs;\n"
        "      owner payments\n"
        "  edge-01: is no longer in the inventory\n"
    ) in text_of(NEWS)


def test_a_finding_says_what_who_and_what_to_do() -> None:
    found = (
        group(Standing.NEW, title="T", advice="A", members=5),
        group(Standing.SAME, title="S", advice="B"),
        group(Standing.RESOLVED, title="R"),
        group(Standing.WORSE, title="M", mute_reason="known"),
    )
    assert (
        "  1 new, 1 the same, 1 resolved, 1 muted\n"
        "  new, warning, owner payments: T\n"
        "    app-03 java (4711): 40 arenas\n"
        "    app-04 java (12): 38 arenas\n"
        "    and 3 more processes\n"
        "    to do: A\n"
        "  same, warning, owner payments: S\n"
        "    app-03 java (4711): 40 arenas\n"
        "    app-04 java (12): 38 arenas\n"
        "    since Fri 20 Nov 05:00 UTC, 1.2 GiB\n"
        "    to do: B\n"
        "  resolved, warning, owner payments: R\n"
        "\n"
    ) in text_of(compared(FLEET, changes_of(), found))


def test_news_comes_before_what_stands_whatever_its_severity() -> None:
    found = (group(Standing.SAME, severity="alarm", title="S"), group(Standing.NEW, title="T"))
    text = text_of(compared(FLEET, changes_of(), found))
    assert text.index(": T\n") < text.index(": S\n")


def test_remarks_are_counted_and_not_told() -> None:
    found = (group(Standing.NEW, severity="info", title="R"), group(Standing.SAME, title="S"))
    text = text_of(compared(FLEET, changes_of(), found))
    assert "  1 the same, 1 only worth knowing\n" in text
    assert ": R\n" not in text


def test_in_a_first_run_no_finding_is_called_new() -> None:
    text = text_of(replace(FLEET, findings=(group(Standing.NEW, title="T"),)))
    assert "  1 (no earlier run to compare with)\n  warning, owner payments: T\n" in text
    assert "What changed" not in text


def test_what_there_is_too_much_of_is_cut_with_the_command_that_shows_it() -> None:
    rows = [row(Change.WENT, Subject.HOST, f"web-{place}") for place in range(CHANGES_MAX + 1)]
    found = (group(Standing.SAME),) * (FINDINGS_MAX + 1) + (group(Standing.RESOLVED),) * (RESOLVED_MAX + 1)
    said = " ".join(text_of(compared(FLEET, changes_of(*rows), found)).split())
    report = f"mapsweep report {FLEET.run.run_id} --format csv --table"
    assert said.count(": is no longer in the inventory") == CHANGES_MAX
    assert f"and more: {report} changes" in said
    assert said.count(" same, warning") == FINDINGS_MAX
    assert f"and 1 more: {report} finding_groups" in said
    assert said.count(" resolved, warning") == RESOLVED_MAX


@pytest.mark.parametrize("name", ["\x1b[31mred\n", "\u202eevil", "x" * 5000, "a; b is gone, c", ""])
def test_names_are_text_in_80_columns(name: str) -> None:
    rows = [
        replace(LEAK, host=name, service=name, owner=name, kind=name),
        *(row(change, Subject.HOST, name, reason=name) for change in Change),
        *(row(change, Subject.SERVICE, name, name) for change in Change),
    ]
    found = tuple(group(each, title=name, advice=name, owner=name, service=name) for each in Standing)
    for line in text_of(compared(FLEET, changes_of(*rows), found)).splitlines():
        assert len(line) <= WIDTH
        assert not line or line.isprintable()
