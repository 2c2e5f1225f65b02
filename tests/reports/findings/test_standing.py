from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from procmaps.findings import VERSIONS
from reports.findings.closing import GROUPS_MAX
from reports.findings.codes import CODES, OF_A_RUN
from reports.findings.gathering import FIRST_MAX
from reports.findings.rows import FIRST_LOOKED, LOOKED_OTHERWISE
from reports.findings.standing import BY_RULES, CARRIED_RUNS_MAX, RESOLVED_BY_RULES, WORSE_LEAST_BYTES
from reports.sentence.finding_words import counts
from reports.sentence.headline import headline
from reports.tables import settled
from tests.reports.findings.nights import Nights, found, host, one
from tests.reports.fleet import BOOT_S, GIB, MIB, Answered, Process

FLOOR = WORSE_LEAST_BYTES


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def test_in_the_first_run_all_are_new_and_nothing_is_compared(nights: Nights) -> None:
    first = nights.report(host("web1", "many_arenas"))
    assert one(first, "many_arenas").standing == "new"
    assert first.run.findings_compared_with == ""
    second = nights.report(host("web1", "many_arenas"))
    assert second.run.findings_compared_with == first.run.run_id
    assert second.run.findings_compared_at == first.run.started_at


def test_a_clean_first_run_is_one_to_compare_with(nights: Nights) -> None:
    clean = nights.report(host("web1"))
    later = nights.report(host("web1", "many_arenas"))
    assert later.run.findings_compared_with == clean.run.run_id
    assert one(later, "many_arenas").standing == "new"


def test_new_then_same_then_resolved_then_silent(nights: Nights) -> None:
    clean, ill = host("web1"), host("web1", "many_arenas")
    assert nights.tell(clean) == {}
    assert nights.tell(ill) == {"many_arenas": "new"}
    assert nights.tell(ill) == {"many_arenas": "same"}
    resolved = one(nights.report(clean), "many_arenas")
    assert (resolved.standing, resolved.members, resolved.bytes) == ("resolved", 0, None)
    assert resolved.before_bytes == 100 * MIB
    assert resolved.resolved_at == "2026-11-04T05:00:00Z"
    assert (resolved.since_at, resolved.since_run) == (
        "2026-11-02T05:00:00Z",
        "20261102T050000Z-prod-0001",
    )
    assert nights.tell(clean) == {}


OLDER = {name: version for name, version in VERSIONS.items() if name != "many_arenas"}


def test_a_code_that_the_last_run_could_not_tell_is_no_news(nights: Nights) -> None:
    ill = host("web1", "many_arenas", "huge_stacks")
    nights.run(host("web1"), finding_codes=OLDER)
    report = nights.report(ill)
    assert {each.code: each.standing for each in report.findings} == {
        "many_arenas": "same",
        "huge_stacks": "new",
    }
    first = one(report, "many_arenas")
    assert (first.rests_on, first.is_first_looked, first.is_news) == (FIRST_LOOKED, True, False)
    assert counts(report) == "1 new, 1 first looked for in this run"
    assert "arenas" not in headline(report).sentence
    later = one(nights.report(ill), "many_arenas")
    assert (later.standing, later.rests_on) == ("same", "")


def test_the_standing_with_which_it_was_told_first_is_kept(nights: Nights) -> None:
    """For a digest, days later; also while it is away."""
    ill = host("web1", "many_arenas", "huge_stacks")
    nights.run(host("web1"), finding_codes=OLDER)
    for each in (ill, host("web1"), ill, host("web1", "many_arenas", "huge_stacks", size=GIB)):
        table = nights.report(each).tables.table(settled.FINDING_GROUPS, ("code", "first_standing"))
        assert dict(table.rows()) == {"many_arenas": "same", "huge_stacks": "new"}


def test_a_code_that_a_worker_of_an_older_release_could_not_tell_is_first_looked_for(
    nights: Nights,
) -> None:
    nights.run(host("web1"), finding_codes=OLDER)
    assert nights.tell(host("web1", "many_arenas"), finding_codes=OLDER) == {"many_arenas": "same"}


def test_other_conditions_make_nothing_new_worse_or_resolved(nights: Nights) -> None:
    stricter = VERSIONS | {"many_arenas": VERSIONS["many_arenas"] + 1}
    nights.run(host("web1", "huge_stacks"), host("web2"))
    new = one(nights.report(host("web1"), host("web2", "many_arenas"), finding_codes=stricter), "many_arenas")
    assert (new.standing, new.rests_on) == ("same", LOOKED_OTHERWISE)
    worse = one(nights.report(host("web1"), host("web2", "many_arenas", size=GIB)), "many_arenas")
    assert (worse.standing, worse.rests_on) == ("same", LOOKED_OTHERWISE)
    assert nights.tell(host("web1"), host("web2", "many_arenas", size=GIB)) == {"many_arenas": "same"}
    assert nights.tell(host("web1"), host("web2", "many_arenas", size=2 * GIB)) == {"many_arenas": "worse"}
    gone = one(nights.report(host("web1"), host("web2"), finding_codes=stricter), "many_arenas")
    assert (gone.standing, gone.rests_on) == ("resolved", RESOLVED_BY_RULES)


def test_a_run_says_what_was_looked_for_on_every_host(nights: Nights) -> None:
    def codes(**more: Any) -> dict[str, int]:
        closed = nights.run(host("web1"), **more).closed()
        assert closed is not None
        return closed.finding_codes

    assert codes() == {code.name: code.version for code in CODES}
    assert codes(finding_codes=OLDER) == OLDER | OF_A_RUN
    assert codes(finding_codes={}) == {}


def test_a_run_that_does_not_say_what_it_looked_for_is_one_of_other_rules(nights: Nights) -> None:
    nights.run(host("web1"), finding_codes={})
    old = one(nights.report(host("web1", "many_arenas")), "many_arenas")
    assert (old.standing, old.rests_on) == ("same", BY_RULES)


def test_what_flaps_around_a_threshold_is_new_once(nights: Nights) -> None:
    clean, ill = host("web1"), host("web1", "many_arenas")
    told = [nights.tell(ill if night % 2 else clean) for night in range(1, 13)]
    assert [each.get("many_arenas") for each in told].count("new") == 1
    assert [each.get("many_arenas") for each in told].count("resolved") == 1  # the first time
    assert one(nights.report(ill), "many_arenas").since_at == "2026-11-01T05:00:00Z"


def test_what_has_come_back_is_resolved_after_three_runs_without_it(nights: Nights) -> None:
    clean, ill = host("web1"), host("web1", "many_arenas")
    for each in (ill, clean, ill):
        nights.run(each)
    told = [nights.report(clean).findings for _ in range(4)]
    assert [len(each) for each in told] == [0, 0, 1, 0]
    assert (told[2][0].standing, told[2][0].resolved_at) == ("resolved", "2026-11-04T05:00:00Z")


def test_after_so_many_runs_without_it_it_is_remembered(nights: Nights) -> None:
    clean, ill = host("web1"), host("web1", "many_arenas")
    nights.run(ill)
    for _ in range(CARRIED_RUNS_MAX):
        nights.run(clean)
    assert nights.tell(ill) == {"many_arenas": "same"}


def test_one_run_more_and_it_is_forgotten(nights: Nights) -> None:
    nights.run(host("web1", "many_arenas"))
    for _ in range(CARRIED_RUNS_MAX + 1):
        nights.run(host("web1"))
    assert nights.tell(host("web1", "many_arenas")) == {"many_arenas": "new"}


def test_what_a_host_had_that_did_not_answer_is_unseen_and_not_resolved(nights: Nights) -> None:
    ill, other = host("web1", "many_arenas"), host("web2")
    nights.run(ill, other)
    unseen = one(nights.report(other, failed=("web1",)), "many_arenas")
    assert (unseen.standing, unseen.members, unseen.hosts, unseen.bytes) == ("unseen", 1, 1, 100 * MIB)
    assert unseen.title
    assert nights.tell(other, failed=("web1",)) == {"many_arenas": "unseen"}
    assert nights.tell(ill, other) == {"many_arenas": "same"}
    nights.run(other, failed=("web1",))
    assert nights.tell(host("web1"), other) == {"many_arenas": "resolved"}


def test_a_dump_that_ends_early_resolves_nothing(nights: Nights) -> None:
    nights.run(host("web1", "many_arenas"))
    cut = replace(host("web1"), complete=False, problem="the dump ends early")
    assert nights.tell(cut) == {"many_arenas": "unseen"}


def test_a_host_that_hides_its_processes_resolves_nothing(nights: Nights) -> None:
    nights.run(host("web1", "many_arenas"))
    assert nights.tell(replace(host("web1"), processes=(), sees_init=False)) == {"many_arenas": "unseen"}


def test_what_a_process_had_that_may_not_be_read_any_more_is_unseen(nights: Nights) -> None:
    """But not what needs no mappings; and a process of another service says nothing of it."""
    codes = ("many_arenas", "swapped")
    nights.run(host("web1", *codes), host("web2", *codes))
    (process,) = host("web1").processes
    denied = replace(process, evidence="denied", blocks=())
    other = replace(denied, pid=2, service="db.service")
    report = nights.report(
        Answered("web1", (denied,), denied=1), replace(host("web2"), processes=(process, other), denied=1)
    )
    assert {each.code: each.standing for each in report.findings} == {
        "many_arenas": "unseen",
        "swapped": "resolved",
    }
    unseen = one(report, "many_arenas")
    assert (unseen.members, unseen.hosts, unseen.bytes) == (1, 1, 100 * MIB)
    assert nights.tell(host("web1"), host("web2")) == {"many_arenas": "resolved"}


def test_a_host_is_silent_for_so_many_runs_at_most(nights: Nights) -> None:
    nights.run(host("web1", "many_arenas"), host("web2"))
    for _ in range(CARRIED_RUNS_MAX):
        assert nights.tell(host("web2"), failed=("web1",)) == {"many_arenas": "unseen"}
    assert nights.tell(host("web2"), failed=("web1",)) == {"many_arenas": "resolved"}


def test_a_host_that_left_takes_its_finding_along(nights: Nights) -> None:
    nights.run(host("web1", "many_arenas"), host("web2"))
    assert nights.tell(host("web2")) == {"many_arenas": "resolved"}


def test_hosts_that_fail_and_return_make_nothing_worse(nights: Nights) -> None:
    fleet = [host(f"web{place}", "many_arenas", size=GIB) for place in range(8)]
    names = tuple(each.name for each in fleet)
    nights.run(*fleet)
    assert nights.tell(*fleet[:3], failed=names[3:]) == {"many_arenas": "same"}
    assert nights.tell(*fleet) == {"many_arenas": "same"}
    assert nights.tell(*fleet[:3]) == {"many_arenas": "same"}  # hosts that left
    assert nights.tell(*fleet) == {"many_arenas": "same"}  # and came


@pytest.mark.parametrize(
    ("now", "standing"),
    [(5 * FLOOR - 1, "same"), (5 * FLOOR, "worse"), (3 * FLOOR, "same")],
)
def test_worse_is_a_quarter_more(nights: Nights, now: int, standing: str) -> None:
    nights.run(host("web1", "many_arenas", size=4 * FLOOR))
    assert nights.tell(host("web1", "many_arenas", size=now)) == {"many_arenas": standing}


def test_what_is_small_gets_worse_only_above_the_floor(nights: Nights) -> None:
    nights.run(host("web1", "many_arenas", size=MIB))
    assert nights.tell(host("web1", "many_arenas", size=FLOOR)) == {"many_arenas": "same"}
    assert nights.tell(host("web1", "many_arenas", size=FLOOR + MIB)) == {"many_arenas": "worse"}


def test_slow_growth_is_told_as_soon_as_it_adds_up(nights: Nights) -> None:
    told = [
        nights.tell(host("web1", "many_arenas", size=GIB + night * GIB // 20))["many_arenas"]
        for night in range(7)
    ]
    assert told == ["new", "same", "same", "same", "same", "worse", "same"]


def test_more_members_are_worse_and_one_more_is_not(nights: Nights) -> None:
    clean = [host(f"web{place}") for place in range(8)]
    ill = [host(f"web{place}", "many_arenas", size=None) for place in range(8)]  # type: ignore[arg-type]
    nights.run(*ill[:4], *clean[4:])
    assert nights.tell(*ill[:5], *clean[5:]) == {"many_arenas": "same"}
    assert nights.tell(*ill[:6], *clean[6:]) == {"many_arenas": "worse"}
    assert nights.tell(*ill[:6], *clean[6:]) == {"many_arenas": "same"}


def test_graver_is_worse(nights: Nights) -> None:
    process = host("web1")
    mild = replace(process, findings=(found("map_count", None, severity="warning"),))
    grave = replace(process, findings=(found("map_count", None, severity="alarm"),))
    nights.run(mild)
    assert nights.tell(grave) == {"map_count": "worse"}
    assert nights.tell(mild) == {"map_count": "same"}
    assert nights.tell(grave) == {"map_count": "same"}


def test_wording_version_reboot_pid_and_host_change_no_fingerprint(nights: Nights) -> None:
    before = one(nights.report(host("web1", "many_arenas")), "many_arenas")
    process = Process(
        7001, "java2", "api.service", (), start_ticks=77, started_at_s=BOOT_S + 90_000, arguments="another"
    )
    other = replace(
        found("many_arenas", pid=7001, severity="alarm"),
        start_ticks=77,
        comm="java2",
        evidence="Other words.",
        advice="Other advice.",
        confirm="Another test.",
        not_shown="Other doubts.",
    )
    after = one(nights.report(Answered("db9", (process,), findings=(other,))), "many_arenas")
    assert after.fingerprint == before.fingerprint
    assert after.advice == "Other advice."


def test_rules_that_find_more_flood_nobody(nights: Nights) -> None:
    nights.run(host("web1"), rules="1")
    told = nights.report(host("web1", "many_arenas"), rules="2")
    group = one(told, "many_arenas")
    assert (group.standing, group.rests_on) == ("same", BY_RULES)
    assert one(nights.report(host("web1", "many_arenas"), rules="2"), "many_arenas").rests_on == ""
    gone = one(nights.report(host("web1"), rules="3"), "many_arenas")
    assert (gone.standing, gone.rests_on) == ("resolved", RESOLVED_BY_RULES)


def test_what_was_not_there_is_new_under_other_rules_too(nights: Nights) -> None:
    nights.run(host("web1"), rules="1")
    other = host("web1", "many_arenas", service="new.service", pid=9)
    process = replace(other.processes[0], start_ticks=99, arguments="new", exe="/opt/new")
    answered = replace(other, processes=(process,), findings=(replace(other.findings[0], start_ticks=99),))
    group = one(nights.report(answered, rules="2"), "many_arenas")
    assert (group.standing, group.rests_on) == ("new", "")


def test_members_are_the_gravest_and_largest_and_all_are_counted(nights: Nights) -> None:
    hosts = [host(f"web{place}", "many_arenas", size=place * MIB) for place in range(1, FIRST_MAX + 4)]
    grave = replace(host("web0"), findings=(found("many_arenas", MIB, severity="alarm"),))
    group = one(nights.report(*hosts, grave, hosts_a_part=2), "many_arenas")
    assert (group.members, group.hosts, group.severity) == (FIRST_MAX + 4, FIRST_MAX + 4, "alarm")
    assert group.bytes == MIB + sum(place * MIB for place in range(1, FIRST_MAX + 4))
    assert [each.host for each in group.first] == ["web0", "web8", "web7", "web6", "web5"]
    assert group.title.startswith("9 of 9 members of api.service: many malloc arenas")


def test_an_unknown_size_stays_unknown(nights: Nights) -> None:
    group = one(nights.report(replace(host("web1"), findings=(found("map_count", None),))), "map_count")
    assert group.bytes is None


def test_the_table_is_the_same_in_parts_of_any_size(tmp_path: Path) -> None:
    hosts = [host(f"web{place}", "many_arenas", size=place * MIB) for place in range(7)]
    whole = Nights(tmp_path / "a").report(*hosts).findings
    parts = Nights(tmp_path / "b").report(*hosts, hosts_a_part=2).findings
    assert whole == parts
    assert len(whole) < GROUPS_MAX
