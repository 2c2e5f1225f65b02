"""Ill processes: drawn the same again, they leak as asked, tell what it is, and name nothing from here."""

import platform
from collections import Counter
from pathlib import Path

import pytest

from bench.live import (
    capture,
    draws,
    ill,
    ill_page,
    ill_scores,
    jdks,
    kept,
    neutral,
    page,
    patients,
    programs,
)
from bench.live.capture import Started
from bench.live.jvms import Setting
from bench.live.kept import Opinion
from bench.live.ranges import Range, Truth
from bench.live.roots import HERE, Root

MIB = 2**20


def test_a_seed_draws_the_same_again_and_another_does_not() -> None:
    def all_of(seed: int) -> list[str]:
        rngs = [draws.drawn(seed, "native", number) for number in range(40)]
        return [draws.leak_words(rng, way, 70) for rng, way in zip(rngs, draws.WAYS * 4, strict=True)]

    assert all_of(1) == all_of(1)
    assert all_of(1) != all_of(2)


@pytest.mark.parametrize("version", [8, 11, 17, 26])
@pytest.mark.parametrize("way", [*draws.IN_JAVA, *(draws.JNI + way for way in draws.WAYS)])
def test_a_jvm_has_a_collector_that_its_version_knows_and_room_for_what_it_keeps(
    version: int, way: str
) -> None:
    for number in range(30):
        setting = draws.java(draws.drawn(5, "jvm", number), version, way, "one")
        collector = setting.flags.split()[0].removeprefix("-XX:+Use")
        assert version in draws.COLLECTORS[collector]
        asked = dict(word.split("=") for word in setting.load.split())
        if "-Xmx" in (said := f"{setting.flags} {setting.environment}"):
            assert int(asked["heap"]) <= int(said.split("-Xmx")[1].split("m", maxsplit=1)[0]) // 4
        leaks = way not in {"parked", "healthy"}
        assert ("way" in asked) == leaks
        assert ("LEAK=" in setting.environment) == way.startswith(draws.JNI)


def test_each_way_comes_before_any_comes_again() -> None:
    ways = list(draws.shuffled(3, "native", draws.WAYS, 25))
    assert len(ways) == 25
    assert set(ways[:10]) == set(ways[10:20]) == set(draws.WAYS)


@pytest.fixture(scope="module")
def leak(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = programs.compiled(HERE, "leak.c", str(tmp_path_factory.mktemp("leak") / "leak"), "-pthread")
    if target is None:
        pytest.skip("no C compiler")
    return target


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "kinds", "least_mib"),
    [
        ("how=one mib=20 size=700", {"heap_main"}, 20),
        ("how=random mib=20 size=3000", {"heap_main"}, 20),
        ("how=holes mib=20 size=3000 seed=4", {"heap_main"}, 10),
        ("how=chunks mib=20 size=900000", {"heap_mmap"}, 20),
        ("how=untouched mib=20 size=900000", {"heap_mmap"}, 20),
        ("how=realloc mib=20 size=700000", {"heap_mmap"}, 20),
        ("how=own mib=20 size=300000", {"anonymous"}, 20),
        ("how=random mib=20 size=3000 threads=5", {"heap_arena"}, 20),
        ("how=own mib=10 size=300000 fork=1", {"anonymous"}, 20),
        ("how=none threads=30 stack=512 after=park", {"thread_stack"}, 15),
        ("how=none threads=30 stack=512 after=end", {"thread_stack"}, 15),
    ],
)
def test_what_leaks_is_in_the_truth(leak: str, words: str, kinds: set[str], least_mib: int) -> None:
    shop = patients.Workshop(HERE, Path(leak).parent, frozenset())
    opinion = ill.observe(
        patients.Patient("native", "one", shop, (leak, *words.split()), "", forks="fork=1" in words)
    )
    known = sum(one.end - one.start for one in opinion.truth.ranges if one.kind in kinds)
    assert known >= least_mib * MIB
    assert {"maps", "smaps", "status", "meminfo", "osrelease"} <= set(opinion.files)


def test_touching_ranges_that_a_program_tells_are_joined() -> None:
    said = (
        "3000 4000 anonymous",
        "1000 2000 anonymous",
        "2000 3000 anonymous",
        "4000 5000 thread_stack",
        "a b",
        "x y z",
    )
    found = [(one.start, one.end, one.kind) for one in ill.told(Started(1, said))]
    assert found == [(0x1000, 0x4000, "anonymous"), (0x4000, 0x5000, "thread_stack")]


def test_names_of_this_machine_are_replaced_and_truth_is_cut_to_what_is_mapped() -> None:
    maps = (
        b"1000-3000 rw-p 00000000 00:00 0 \n3000-4000 r--p 00000000 fe:00 7 /roots/sid/usr/lib/libc.so.6\n"
        b"9000-a000 r--p 00000000 fe:00 7 /roots/sid/tmp/tmpab_1/leak.so\n"
    )
    status = b"Name:\tleak\n"
    cgroup = b"4:memory:/process_api/77227472e45ae4f86db7245a8cc47de4\n"
    host = platform.node().encode()
    files = {"maps": maps, "status": status, "cgroup": cgroup, "cmdline": b"leak\0--node=" + host + b"\0"}
    truth = Truth([Range(0x2000, 0xB000, "file", "maps name")])
    found = neutral.of(Opinion("g", "n", "", files, truth), [HERE, Root(Path("/roots/sid"))], [])
    assert b" /usr/lib/libc.so.6\n" in found.files["maps"]
    assert b" /srv/app/leak.so\n" in found.files["maps"]
    assert found.files["cgroup"] == b"4:memory:/app\n"
    assert found.files["cmdline"] == b"leak\0--node=host\0"
    assert [(one.start, one.end) for one in found.truth.ranges] == [(0x2000, 0x4000), (0x9000, 0xA000)]


def test_the_score_and_the_report_name_what_is_wrong(tmp_path: Path) -> None:
    maps = b"7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n"
    maps += b"7f0000200000-7f0000300000 r-xp 00000000 fe:00 7 /bin/x\n"
    truth = Truth(
        [
            Range(0x7F0000000000, 0x7F0000100000, "java_code", "for the test"),
            Range(0x7F0000200000, 0x7F0000300000, "file", "maps name"),
        ]
    )
    kept.write(tmp_path, Opinion("g", "wrong", "-Xmx9m", {"maps": maps}, truth))
    head, line = list(ill_scores.table(tmp_path))
    assert head.startswith("| evidence |")
    assert line.startswith("| maps | 1 | 50.00% | 50.00% | 50.00% | 50.00% |")
    report = "\n".join(ill_scores.report(tmp_path))
    assert "g-wrong: 50.00%  -Xmx9m" in report
    assert "1024 KiB 7f0000000000-7f0000100000 is java_code, labelled " in report


def test_the_section_of_the_page_keeps_both_sights_and_outlives_a_new_page() -> None:
    before = page.render([], "2026-01-02", "here")
    first = ill_page.written(before, ill_page.FIRST, ["| maps | 9 |"])
    both = ill_page.written(first, ill_page.LATER, ["| maps | 10 |"])
    assert both.index("| maps | 9 |") < both.index("| maps | 10 |") < both.index("## All")
    again = ill_page.written(both, ill_page.LATER, ["| maps | 11 |"])
    assert "| maps | 9 |" in again
    assert "| maps | 10 |" not in again
    assert ill_page.section(
        page.render([], "2026-01-03", "here", ill_page.section(again))
    ) == ill_page.section(again)


def test_what_is_captured_of_a_process_is_what_capture_records() -> None:
    with capture.started(["sh", "-c", "echo ready; read line"], {}) as process:
        files = ill.captured(process)
    assert files["comm"] == b"sh\n"
    assert "versions" not in files
    assert files["smaps"].startswith(files["maps"].split(b" ")[0])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> patients.Workshop:
    made = patients.workshop(HERE, tmp_path_factory.mktemp("shop"))
    if "leak.so" not in made.built or not (made.folder / "Leak.class").exists():
        pytest.skip("no C compiler or no JDK")
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "environment", "kinds"),
    [
        ("way=direct mib=20 size=300000 from=3", "", {"heap_arena", "heap_mmap", "heap_main"}),
        ("way=unsafe mib=20 size=3000 from=2", "", {"heap_arena", "heap_mmap", "heap_main"}),
        ("way=inflate mib=20", "", {"heap_arena", "heap_mmap", "heap_main"}),
        ("way=jni", "LEAK=how=chunks,mib=20,size=900000", {"heap_mmap"}),
        ("way=jni", "LEAK=how=own,mib=20,size=900000", {"anonymous"}),
        ("way=unsafe,jni mib=14 size=3000", "LEAK=how=one,mib=14,size=300", {"heap_arena", "heap_main"}),
        ("threads=30", "", {"thread_stack"}),
        ("way=classes mib=20", "", {"java_metaspace"}),
    ],
)
def test_what_a_jvm_leaks_is_in_the_truth(
    shop: patients.Workshop, words: str, environment: str, kinds: set[str]
) -> None:
    jdk = jdks.installed(HERE)[0]
    flags = "-XX:+UseSerialGC -Xmx64m -XX:MaxDirectMemorySize=90m"
    setting = Setting("one", flags, f"heap=5 garbage=5 {words}", environment)
    command = patients.java_command(shop, jdk, setting)
    opinion = ill.observe(patients.Patient("jvm", "one", shop, command, environment, jdk=jdk))
    known = sum(one.end - one.start for one in opinion.truth.ranges if one.kind in kinds)
    assert known >= 20 * MIB
    assert "Total: reserved=" in opinion.files["nmt.txt"].decode()


@pytest.mark.slow
def test_all_sorts_that_this_machine_has_are_drawn_with_names_of_their_own(shop: patients.Workshop) -> None:
    drawn = list(patients.patients(7, [shop], []))
    sorts = Counter(one.sort for one in drawn)
    assert sorts["jvm"] >= patients.COUNTS["jvm"] + patients.COUNTS["jvm-mixed"]
    assert sorts["native"] == patients.COUNTS["native"]
    assert sorts["python"] == patients.COUNTS["python"]
    assert len({one.name for one in drawn}) == len(drawn)
