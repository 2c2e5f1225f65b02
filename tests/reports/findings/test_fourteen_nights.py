"""Two weeks of a fleet in which much moves and little happens: that is told once, and nothing else is new."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.reports.findings.nights import Nights, found
from tests.reports.fleet import BOOT_S, MIB, Answered, Block, Process

HOSTS = 12
NIGHTS = 14
PLANTED = {5: "huge_stacks", 9: "page_tables"}  # night: code; from then on
ARENAS_MIB = 250  # around this the hosts waver from night to night; the finding is told from 256 MiB


def night(number: int, chance: random.Random) -> tuple[list[Answered], tuple[str, ...]]:
    """The hosts that answer and those that do not; some were restarted, and each third night is a deploy."""
    hosts, failed = [], []
    for place in range(HOSTS):
        name = f"web{place:02}"
        if chance.random() < 0.1 and place:
            failed.append(name)
            continue
        arenas = int((ARENAS_MIB + chance.randint(-20, 20)) * MIB)
        start = 42 if chance.random() < 0.8 else number * 1000 + place
        process = Process(
            100 + start % 7,
            service=f"java api-{number // 3}.{number}.jar",
            blocks=(Block("heap_arena", arenas),),
            rss_anon_bytes=arenas + 100 * MIB,
            start_ticks=start,
            started_at_s=BOOT_S + start,
            arguments=f"java -jar api-{number // 3}.{number}.jar",
        )
        codes = ["many_arenas"] if arenas >= 256 * MIB else []
        codes += [code for since, code in PLANTED.items() if place == 0 and number >= since]
        findings = [
            replace(
                found(code, arenas, process.pid), start_ticks=start, evidence=f"Worded in release {number}."
            )
            for code in codes
        ]
        hosts.append(Answered(name, (process,), findings=tuple(findings)))
    return hosts, tuple(failed)


def test_each_planted_finding_is_new_once_and_nothing_else_is(tmp_path: Path) -> None:
    nights, chance = Nights(tmp_path), random.Random(13)
    told = []
    for number in range(NIGHTS):
        hosts, failed = night(number, chance)
        told.append(nights.report(*hosts, failed=failed))
    new = [
        (number, each.code)
        for number, report in enumerate(told)
        if number
        for each in report.findings
        if each.standing == "new"
    ]
    assert [each for each in new if each[1] != "many_arenas"] == list(PLANTED.items())
    assert Counter(code for _, code in new)["many_arenas"] <= 1  # the first night may have had none
    every = [each for report in told for each in report.findings]
    assert len({each.fingerprint for each in every if each.code == "huge_stacks"}) == 1
    assert len([each for each in every if each.standing == "resolved"]) <= 1
