"""The rule table as a whole: every byte once, any input, both grades of evidence."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from procmaps.classify import RULES_VERSION, classify
from procmaps.kinds import Confidence, Kind
from procmaps.read import read, read_process
from procmaps.rules.book import RULES
from procmaps.tables import UNKNOWN, Evidence, PartTable, Snapshot
from tests.truth.cases import Case, cases, edges


def check(snapshot: Snapshot, parts: PartTable) -> None:
    """What holds for any input at all."""
    maps = snapshot.maps
    assert (np.diff(parts.mapping) >= 0).all()
    assert sorted(set(parts.mapping.tolist())) == list(range(len(maps)))
    first = np.searchsorted(parts.mapping, np.arange(len(maps)))
    last = np.searchsorted(parts.mapping, np.arange(len(maps)), "right") - 1
    assert (parts.start[first] == maps.start).all()
    assert (parts.end[last] == maps.end).all()
    inner = parts.mapping[1:] == parts.mapping[:-1]
    assert (parts.start[1:][inner] == parts.end[:-1][inner]).all()
    assert (parts.end > parts.start).all()
    for column, whole in ((parts.resident_bytes, maps.resident_bytes), (parts.pss_bytes, maps.pss_bytes)):
        known = whole != UNKNOWN
        summed = np.add.reduceat(column, first)[known] if len(maps) else whole
        assert (summed == whole[known]).all()
    assert (parts.block <= np.arange(len(parts))).all()
    assert (parts.kind[parts.block] == parts.kind).all()
    assert (maps.process[parts.mapping][parts.block] == maps.process[parts.mapping]).all()
    assert (parts.kind < len(Kind)).all()
    assert (parts.runner_up < len(Kind)).all()
    assert (parts.rule < len(RULES)).all()


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_known_processes_keep_every_byte(case: Case) -> None:
    files = case.sent()
    for evidence in (Evidence.MAPS, Evidence.SMAPS):
        snapshot = read_process(files, 1, evidence)
        check(snapshot, classify(snapshot, evidence))


@pytest.mark.parametrize("name", sorted(name for name in edges() if name.endswith(("maps", "smaps"))))
def test_odd_input_is_labelled_too(name: str) -> None:
    snapshot = read_process({name.rpartition(".")[2]: edges()[name]}, 1)
    check(snapshot, classify(snapshot))


def test_maps_as_evidence_leaves_smaps_unread() -> None:
    case = next(case for case in cases() if case.name == "c-stacks-243")
    both = read_process(case.sent(), 1)
    from_both = classify(both, Evidence.MAPS)
    alone = read_process({name: text for name, text in case.sent().items() if name != "smaps"}, 1)
    from_maps = classify(alone, Evidence.MAPS)
    assert (from_both.kind.tolist(), from_both.start.tolist()) == (
        from_maps.kind.tolist(),
        from_maps.start.tolist(),
    )
    # and smaps does tell more
    assert classify(both).kind.tolist() != from_maps.kind.tolist()


NONCE = "5eed" * 8


def host_of(chosen: list[Case], grade: str) -> Snapshot:
    """A dump of one host with these processes."""
    memory, identity = b"\n", b"\n"
    for pid, case in enumerate(chosen, 100):
        for kind in ("status", "stat", "limits", grade):
            memory += f"{NONCE} {kind} {pid}\n".encode() + case.files.get(kind, b"") + b"\n"
        for kind in ("comm", "cmdline"):
            identity += f"{NONCE} {kind} {pid}\n".encode() + case.files.get(kind, b"") + b"\n"
    return read(memory, identity, NONCE.encode())


@pytest.mark.parametrize("grade", ["maps", "smaps"])
def test_processes_of_a_host_are_labelled_as_each_alone(grade: str) -> None:
    chosen = [case for case in cases() if all(case.files.get(kind) for kind in ("status", "limits"))]
    assert len(chosen) > 30
    host = host_of(chosen, grade)
    parts = classify(host)
    check(host, parts)
    process = host.maps.process[parts.mapping]
    for row, case in enumerate(chosen):
        files = {
            name: text
            for name, text in case.sent().items()
            if name in {grade, "status", "limits", "cmdline", "comm"}
        }
        alone = classify(read_process(files, 100 + row))
        own = process == row
        assert parts.start[own].tolist() == alone.start.tolist(), case.name
        assert parts.kind[own].tolist() == alone.kind.tolist(), case.name
        assert (parts.block[own] - np.flatnonzero(own)[0]).tolist() == alone.block.tolist(), case.name


PERMS = st.sampled_from(["rw-p", "---p", "r-xp", "rwxp", "r--p", "rw-s"])
NAMES = st.sampled_from(
    [
        *(
            "00:00 0 ",
            "00:00 0 [heap]",
            "00:00 0 [stack]",
            "00:00 0 [anon: glibc: malloc arena]",
            "00:01 3 /memfd:x (deleted)",
        ),
        *(
            "fe:00 7 /usr/lib/libc.so.6",
            "fe:00 8 /jdk-17/lib/server/libjvm.so",
            "fe:00 9 /usr/bin/node",
            "fe:00 6 /x/classes.jsa",
        ),
        *(
            "fe:00 5 /usr/bin/python3.11",
            "fe:00 4 /lib/ld-musl-x86_64.so.1",
            "00:01 9 /memfd:java_heap (deleted)",
        ),
    ]
)
SIZES = st.sampled_from([4096, 12288, 16384, 0x21000, 0xFC000, 2**20, 8 * 2**20 + 4096, 64 * 2**20, 2**30])
GAPS = st.sampled_from([0, 0, 0, 4096, 64 * 2**20, 2**32])
FLAGS = st.sampled_from(
    ["rd wr mr mw me ac", "rd wr ac nh", "mr mw me nr", "rd wr ac nh gu", "rd dc nr", "??", ""]
)
LINES = st.lists(st.tuples(GAPS, SIZES, PERMS, NAMES, FLAGS), max_size=60)


@settings(max_examples=150)
@given(
    lines=LINES,
    base=st.sampled_from(
        [0x1000, 0xE0000000, 0xC000000000, 0x7F0000000000, 2**57, 0xFFFFFFFF00000000 - 2**45]
    ),
    threads=st.integers(0, 9),
    smaps=st.booleans(),
    argv=st.sampled_from([b"", b"java\0-Xmx64m\0M\0", b"java\0-Xmx1g\0-XX:+UseParallelGC\0M\0"]),
)
def test_any_mappings_keep_every_byte(
    lines: list[tuple[int, int, str, str, str]], base: int, threads: int, smaps: bool, argv: bytes
) -> None:
    text, at = "", base
    for gap, size, perms, name, flags in lines:
        at += gap
        text += f"{at:08x}-{at + size:08x} {perms} 00000000 {name}\n"
        text += f"Rss: {size >> 11} kB\nPss: 3 kB\nVmFlags: {flags}\n" if smaps else ""
        at += size
    files = {"smaps" if smaps else "maps": text.encode(), "cmdline": argv}
    files["status"] = f"Threads:\t{threads}\nRssAnon:\t{threads * 900} kB\n".encode()
    snapshot = read_process(files, 1)
    parts = classify(snapshot)
    check(snapshot, parts)
    assert classify(snapshot).kind.tolist() == parts.kind.tolist()


@settings(max_examples=100)
@given(st.binary(max_size=400))
@example(b"\r")
def test_any_bytes_give_a_result(content: bytes) -> None:
    for name in ("maps", "smaps"):
        snapshot = read_process({name: content, "status": content, "cmdline": content}, 1)
        check(snapshot, classify(snapshot))


def test_rules_are_named_once_and_say_what_they_rest_on() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", rule.name)
        assert rule.source
        assert rule.why
        assert set(re.split(r", ", rule.needs)) <= {"maps", "smaps", "status", "limits", "cmdline"}
        assert rule.confidence in Confidence
    assert RULES_VERSION


def test_the_last_rule_takes_what_is_left() -> None:
    assert RULES[-1].kind == Kind.ANONYMOUS
    assert RULES[-1].confidence == Confidence.GUESS
