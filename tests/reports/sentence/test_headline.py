from dataclasses import replace

import pytest

from procmaps.kind_words import KIND_NAMES
from procmaps.kinds import Kind
from reports.changes.rows import Change, ChangeCount, Subject
from reports.findings.rows import Member, Standing
from reports.report import FailureGroup, Report
from reports.sentence import verdict
from reports.sentence.headline import SENTENCE_LENGTH_MAX, SHORT_LENGTH_MAX, headline
from reports.sentence.verdict import News
from tests.changes_made import changes_of, compared, grew, group, row
from tests.mapsweep.reports_made import GIB, MIB, fleet, host

HOST, SERVICE, PROCESS = Subject.HOST, Subject.SERVICE, Subject.PROCESS
LEAK = grew("app-03", "checkout.service", 720 * MIB, peers=5, peers_changed=0)
GONE = row(Change.WENT, HOST, "edge-01")
NEW = row(Change.APPEARED, HOST, "app-06")
RESTARTED = row(Change.RESTARTED, SERVICE, "app-02", "checkout.service")
FAILS = row(Change.FAILED, HOST, "db-01", stage="auth", reason="auth_rejected")
REFUSED = FailureGroup("failed", "auth", "auth_rejected", "check the user", "refused", ("db-01",), 1)
NINE = [host(f"app-{place:02}", 900 * MIB - place, 8 * MIB, rank=place) for place in range(1, 9)]
ALL_OK = fleet(NINE)
ONE_FAILS = fleet([*NINE, host("db-01", None)], (REFUSED,))
DEAD = fleet([host("db-01", None), host("db-02", None)], (replace(REFUSED, count=2),))

MEMBER = Member("app-03", 4711, "java", 796 * MIB, "it is large")
LEAK_SAID = (
    "app-03, checkout.service: native heap +720 MiB in a day (arenas 76.0 to 796 MiB), 5 peers did not grow"
)
SITUATIONS: dict[str, tuple[Report, str, str]] = {
    "the night of the story": (
        compared(ONE_FAILS, changes_of(LEAK, GONE, NEW, RESTARTED, FAILS)),
        (
            f"{LEAK_SAID}; db-01 newly fails (auth_rejected), edge-01 is no longer in the inventory, "
            "app-06 is new, checkout.service restarted on app-02."
        ),
        "app-03 native heap +720 MiB, db-01 newly fails",
    ),
    "nothing changed": (
        compared(ALL_OK, changes_of()),
        "Nothing changed since Sun 22 Nov 05:00 UTC beyond 64.0 MiB: native heap <= 7.0 GiB on 8 of 8 hosts.",
        "nothing changed, native heap <= 7.0 GiB",
    ),
    "nothing changed, and one host is still dead": (
        compared(ONE_FAILS, changes_of()),
        (
            "Nothing changed since Sun 22 Nov 05:00 UTC beyond 64.0 MiB: "
            "native heap <= 7.0 GiB on 8 of 9 hosts; db-01 still fails (auth_rejected)."
        ),
        "nothing changed, native heap <= 7.0 GiB",
    ),
    "the first run": (
        ONE_FAILS,
        (
            "Nothing to compare with, because no earlier run of adhoc is complete: "
            "largest host app-01, native heap <= 900 MiB, largest process java (4711); "
            "db-01 fails (auth_rejected)."
        ),
        "first run, native heap <= 7.0 GiB",
    ),
    "a first run, whose findings are no news": (
        replace(ALL_OK, findings=(group(Standing.NEW),)),
        (
            "Nothing to compare with, because no earlier run of adhoc is complete: "
            "largest host app-01, native heap <= 900 MiB, largest process java (4711)."
        ),
        "first run, native heap <= 7.0 GiB",
    ),
    "no host answered": (
        compared(DEAD, changes_of(FAILS, replace(FAILS, host="db-02"))),
        "None of 2 hosts answered: auth_rejected (2); 2 hosts newly fail (auth_rejected).",
        "no host answered, 2 newly fail",
    ),
    "no host answered, as before": (
        compared(DEAD, changes_of()),
        "None of 2 hosts answered: auth_rejected (2).",
        "no host answered",
    ),
    "a run without hosts": (fleet([]), "No host was asked.", "no host was asked"),
    "a night of deployment": (
        compared(ALL_OK, changes_of(row(Change.RESTARTED, SERVICE, "", "checkout.service", count=5000))),
        "checkout.service restarted (5,000 processes).",
        "checkout.service restarted",
    ),
    "several services were restarted": (
        compared(
            ALL_OK,
            changes_of(
                row(Change.RESTARTED, SERVICE, "app-01", "cron.service"),
                row(Change.RESTARTED, SERVICE, "", "checkout.service", count=400),
                row(Change.RESTARTED, HOST, "app-01"),
            ),
        ),
        "app-01 rebooted; checkout.service (400 processes) and 1 more service restarted.",
        "app-01 rebooted, 2 restarted",
    ),
    "a whole service grew": (
        compared(
            ALL_OK,
            changes_of(
                row(
                    Change.GREW,
                    SERVICE,
                    "",
                    "checkout.service",
                    before_bytes=4 * GIB,
                    now_bytes=54 * GIB,
                    change_bytes=50 * GIB,
                    kind="heap_arena",
                    kind_before_bytes=76 * MIB,
                    kind_now_bytes=796 * MIB,
                ),
                replace(LEAK, peers=400, peers_changed=399),
                beyond=(ChangeCount("grew", "process", 399, None),),
            ),
        ),
        (
            "checkout.service: memory +50.0 GiB in a day (most in arenas), in 400 of 401 processes, "
            "most on app-03: +720 MiB."
        ),
        "checkout.service memory +50.0 GiB",
    ),
    "a host grew in what no process owns": (
        compared(
            ALL_OK,
            changes_of(LEAK, row(Change.GREW, HOST, "db-02", change_bytes=4 * GIB, kind="slab")),
        ),
        "db-02: memory +4.0 GiB in a day (most in slab).",
        "db-02 memory +4.0 GiB",
    ),
    "more than one grew, and some shrank": (
        compared(
            ALL_OK,
            changes_of(
                replace(LEAK, peers_changed=2),
                grew("app-04", "search.service", 100 * MIB),
                beyond=(ChangeCount("grew", "process", 11, None), ChangeCount("shrank", "process", 1, None)),
            ),
        ),
        (
            "app-03, checkout.service: native heap +720 MiB in a day (arenas 76.0 to 796 MiB), "
            "as did 2 of 5 peers; 12 more processes grew, 1 process shrank."
        ),
        "app-03 native heap +720 MiB, 12 more grew",
    ),
    "two grew": (
        compared(ALL_OK, changes_of(LEAK, grew("app-05", "postgresql.service", 700 * MIB))),
        f"{LEAK_SAID}; postgresql.service on app-05 +700 MiB.",
        "app-03 native heap +720 MiB, app-05 +700 MiB",
    ),
    "what grew is bloated, too": (
        compared(
            ALL_OK,
            changes_of(LEAK),
            (
                group(Standing.NEW, "grew", members=1, first=(MEMBER,)),
                group(Standing.NEW, "bloated", members=1, first=(MEMBER,)),
            ),
        ),
        f"{LEAK_SAID}.",
        "app-03 native heap +720 MiB",
    ),
    "what grew is bloated, and so is another": (
        compared(ALL_OK, changes_of(LEAK), (group(Standing.NEW, "bloated", members=2, first=(MEMBER,)),)),
        f"{LEAK_SAID}; 1 new finding (bloated of checkout.service).",
        "app-03 native heap +720 MiB, 1 new finding",
    ),
    "what grew is a finding, and there are others": (
        compared(
            ALL_OK,
            changes_of(LEAK),
            (
                group(Standing.NEW, "grew", members=1, first=(MEMBER,)),
                group(Standing.NEW),
                group(Standing.NEW),
            ),
        ),
        f"{LEAK_SAID}; 2 more new findings.",
        "app-03 native heap +720 MiB, 2 more new findings",
    ),
    "only less": (
        compared(ALL_OK, changes_of(grew("app-03", "checkout.service", -720 * MIB, 804 * MIB))),
        "app-03, checkout.service: native heap -720 MiB in a day (arenas 796 to 76.0 MiB).",
        "app-03 native heap -720 MiB",
    ),
    "another kind": (
        compared(ALL_OK, changes_of(replace(LEAK, kind="java_heap", peers=1))),
        "app-03, checkout.service: Java heap +720 MiB in a day (76.0 to 796 MiB), its one peer did not grow.",
        "app-03 Java heap +720 MiB",
    ),
    "a kind whose sizes are bounds": (
        compared(ALL_OK, changes_of(replace(LEAK, kind_exact="no", peers=None))),
        "app-03, checkout.service: native heap +720 MiB in a day (arenas <= 76.0 to <= 796 MiB).",
        "app-03 native heap +720 MiB",
    ),
    "a part in a kind whose sizes are bounds": (
        compared(ALL_OK, changes_of(replace(LEAK, kind_exact="no", kind_now_bytes=435 * MIB, peers=None))),
        "app-03, checkout.service: memory +720 MiB in a day (a part in arenas <= 76.0 to <= 435 MiB).",
        "app-03 memory +720 MiB",
    ),
    "a service and a process that ended": (
        compared(
            ALL_OK,
            changes_of(
                row(Change.WENT, SERVICE, "", "cart.service"),
                row(Change.WENT, Subject.PROCESS, "app-01", "batch.service"),
            ),
        ),
        "cart.service no longer runs; batch.service on app-01 ended.",
        "cart.service no longer running, app-01 ended",
    ),
    "a kind that is most of it": (
        compared(ALL_OK, changes_of(replace(LEAK, kind_now_bytes=436 * MIB, peers=None))),
        "app-03, checkout.service: memory +720 MiB in a day (most in arenas 76.0 to 436 MiB).",
        "app-03 memory +720 MiB",
    ),
    "a kind that is a part of it": (
        compared(ALL_OK, changes_of(replace(LEAK, kind_now_bytes=435 * MIB, peers=None))),
        "app-03, checkout.service: memory +720 MiB in a day (a part in arenas 76.0 to 435 MiB).",
        "app-03 memory +720 MiB",
    ),
    "a kind that is not known": (
        compared(
            ALL_OK,
            changes_of(replace(LEAK, kind="", kind_before_bytes=None, kind_now_bytes=None, service="")),
        ),
        "app-03, java: memory +720 MiB in a day, 5 peers did not grow.",
        "app-03 memory +720 MiB",
    ),
    "many hosts fail": (
        compared(
            fleet([*NINE, host("db-01", None), host("db-02", None)], (replace(REFUSED, count=2),)),
            changes_of(LEAK, FAILS, replace(FAILS, host="db-02", reason="tcp_timeout")),
        ),
        f"2 hosts newly fail (auth_rejected and other reasons); {LEAK_SAID}.",
        "2 newly fail, app-03 native heap +720 MiB",
    ),
    "one host is back": (
        compared(ALL_OK, changes_of(row(Change.RECOVERED, HOST, "db-01", reason="auth_rejected"))),
        "db-01 answers again.",
        "db-01 recovered",
    ),
    "a finding that is new": (
        compared(ALL_OK, changes_of(), (group(Standing.NEW), group(Standing.SAME))),
        "1 new finding (many arenas of checkout.service).",
        "1 new finding",
    ),
    "a finding that is muted": (
        compared(ALL_OK, changes_of(), (group(Standing.NEW, mute_reason="known"),)),
        "Nothing changed since Sun 22 Nov 05:00 UTC beyond 64.0 MiB: native heap <= 7.0 GiB on 8 of 8 hosts.",
        "nothing changed, native heap <= 7.0 GiB",
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_sentence(situation: str) -> None:
    report, sentence, short = SITUATIONS[situation]
    told = headline(report)
    assert told.sentence == sentence
    assert told.short == short


@pytest.mark.parametrize("situation", SITUATIONS)
def test_its_clauses_are_in_the_sentence(situation: str) -> None:
    told = headline(SITUATIONS[situation][0])
    assert told.clauses
    at = -1
    for clause in told.clauses:
        assert told.sentence.find(clause) > at
        at = told.sentence.find(clause)


def test_the_lead_is_the_row_that_is_named_first() -> None:
    lead = headline(SITUATIONS["the night of the story"][0]).lead
    assert lead is not None
    assert (lead.host, lead.pid, lead.change_bytes) == ("app-03", 4711, 720 * MIB)
    assert headline(SITUATIONS["one host is back"][0]).lead is None


def test_a_run_that_an_older_mapsweep_closed_is_not_called_quiet() -> None:
    older = compared(ALL_OK, replace(changes_of(), is_known=False))
    assert verdict.news(older) is News.UNKNOWN
    assert headline(older).sentence.startswith(
        "What changed is not known, because it was closed by an older mapsweep: native heap"
    )


def test_an_open_run_says_so_first() -> None:
    started = replace(ONE_FAILS, run=replace(ONE_FAILS.run, closed_at="", ok=2, failed=1))
    report = compared(started, changes_of(LEAK))
    assert headline(report).sentence.startswith(f"So far, with 3 of 9 hosts: {LEAK_SAID}")
    assert verdict.words(report) == "OPEN, CHANGED"
    assert verdict.news(compared(started, changes_of())) is News.UNKNOWN


def test_what_the_comparison_rests_on_is_said() -> None:
    report = compared(ALL_OK, changes_of(LEAK))
    said = "the run compared with was labelled by other rules; kinds are known of 40 of 200"
    told = headline(replace(report, run=replace(report.run, rests_on=said)))
    assert told.sentence == f"{LEAK_SAID}. {said[0].upper()}{said[1:]}."


@pytest.mark.parametrize(
    ("compared_at", "said"),
    [
        ("2026-11-23T04:30:00+00:00", " in 30 min "),
        ("2026-11-22T23:00:00+00:00", " in 6 h "),
        ("2026-11-22T11:00:00+00:00", " in a day "),
        ("2026-11-21T17:00:00+00:00", " in 2 days "),
        ("2026-11-16T05:00:00+00:00", " in 7 days "),
        ("", " +720 MiB (arenas "),
    ],
)
def test_the_time_between_the_runs(compared_at: str, said: str) -> None:
    assert said in headline(compared(ALL_OK, changes_of(LEAK), at=compared_at)).sentence


@pytest.mark.parametrize(
    ("report", "words", "is_worse"),
    [
        (compared(ALL_OK, changes_of()), "OK", False),
        (compared(ALL_OK, changes_of(LEAK)), "OK, CHANGED", True),
        (compared(ONE_FAILS, changes_of()), "PARTIAL", False),
        (compared(ONE_FAILS, changes_of(LEAK)), "PARTIAL, CHANGED", True),
        (compared(ONE_FAILS, changes_of(FAILS)), "PARTIAL, CHANGED", True),
        (compared(DEAD, changes_of()), "FAILED", False),
        (compared(ALL_OK, changes_of(row(Change.RECOVERED, HOST, "db-01"))), "OK, CHANGED", False),
        (compared(ALL_OK, changes_of(RESTARTED)), "OK, CHANGED", False),
        (compared(ALL_OK, changes_of(), (group(Standing.WORSE),)), "OK, CHANGED", True),
        (compared(ALL_OK, changes_of(), (group(Standing.RESOLVED),)), "OK, CHANGED", False),
        (compared(ALL_OK, changes_of(), (group(Standing.SAME), group(Standing.UNSEEN))), "OK", False),
        (replace(ALL_OK, findings=(group(Standing.NEW),)), "OK", False),
    ],
)
def test_both_axes_of_the_verdict(report: Report, words: str, is_worse: bool) -> None:
    assert verdict.words(report) == words
    assert verdict.regressed(report) is is_worse


def test_a_dead_newcomer_is_new_and_does_not_fail_still() -> None:
    report = compared(ONE_FAILS, changes_of(row(Change.APPEARED, HOST, "db-01")))
    assert headline(report).sentence == "db-01 is new and does not answer."
    two = changes_of(row(Change.APPEARED, HOST, "db-01"), row(Change.APPEARED, HOST, "app-01"))
    said = "2 hosts are new (1 of them does not answer)."
    assert headline(compared(ONE_FAILS, two)).sentence == said


HOSTILE = '\x1b[31m"; 9 hosts are gone, \u202eevil\n' + "w\u00fcrfel" * 400


@pytest.mark.parametrize("plain", [True, False])
def test_names_are_text_and_short(plain: bool) -> None:
    rows = [
        replace(LEAK, host=HOSTILE, service=HOSTILE, kind=HOSTILE),
        row(Change.WENT, HOST, HOSTILE),
        row(Change.APPEARED, SERVICE, HOSTILE, HOSTILE),
        row(Change.FAILED, HOST, HOSTILE, reason=HOSTILE),
        row(Change.RESTARTED, SERVICE, HOSTILE, HOSTILE),
    ]
    report = compared(ONE_FAILS, changes_of(*rows), (group(Standing.NEW, service=HOSTILE),))
    report = replace(report, run=replace(report.run, rests_on="other rules: w\u00fcrfel", partial=1))
    told = headline(report, plain=plain)
    assert len(told.sentence) <= SENTENCE_LENGTH_MAX
    assert len(told.short) <= SHORT_LENGTH_MAX
    assert told.sentence.isprintable()
    assert told.short.isprintable()
    if plain:
        assert told.sentence.isascii()
        assert told.short.isascii()
    else:
        assert "w\u00fcrfel" in told.sentence
    names = told.sentence.split('"')[1::2]  # what is between quotation marks
    assert not any("; 9 hosts are gone" in part for part in told.sentence.split('"')[::2])
    assert names


def test_a_fleet_of_one_host() -> None:
    alone = fleet([host("laptop", 900 * MIB, rank=1)])
    dead = fleet([host("laptop", None)], (replace(REFUSED, hosts=("laptop",)),))
    assert headline(compared(alone, changes_of(LEAK))).short == "app-03 native heap +720 MiB"
    assert headline(dead).sentence == "The host did not answer: auth_rejected (1)."


def test_every_kind_has_a_name() -> None:
    assert set(KIND_NAMES) == set(Kind)
    assert len(set(KIND_NAMES.values())) == len(Kind)
