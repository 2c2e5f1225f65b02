import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procmaps.digits import WORD_BYTES, text_of
from procmaps.frames import (
    ARGUMENTS_CUT_BYTES,
    CROWDED_BYTES,
    CROWDED_CUT_BYTES,
    OWN_CUT_BYTES,
    Record,
    mask_identity,
    split,
)
from procmaps.secret_paths import mask_comm
from procmaps.secret_records import MemoryPart, mask_stat, mask_status_name
from tests.strategies import NONCE, record

kinds = st.sampled_from(("status", "maps", "cmdline", "comm", "os-release"))
contents = st.one_of(
    st.binary(max_size=80),
    # a process that knows the protocol, but not the nonce
    st.sampled_from(
        (b"\n" + b"0" * 32 + b" maps 1\n", b"\n" + NONCE[:-1] + b" maps 1\n", NONCE[:8] + b"\n", b"\n\n")
    ),
)


@given(st.binary(max_size=60), st.lists(st.tuples(kinds, st.integers(0, 9_999_999), contents), max_size=6))
def test_records_are_found_whatever_they_hold(noise: bytes, sent: list[tuple[str, int, bytes]]) -> None:
    part = (noise + b"\n" if noise else b"") + b"".join(record(*fields) for fields in sent)
    found = [(kind.decode(), pid, part[start:end]) for kind, pid, start, end in split(part, NONCE)]
    # the last content keeps the newline before a mark that does not come
    if sent:
        sent[-1] = (*sent[-1][:2], sent[-1][2] + b"\n")
    assert found == sent


@given(st.binary(max_size=40))
def test_the_first_word_of_each_line_that_has_one_is_read(raw: bytes) -> None:
    text = text_of(raw)
    starts = [0, *(at + 1 for at, byte in enumerate(raw) if byte == ord("\n"))]
    words = [raw[start : start + WORD_BYTES] for start in starts]
    assert text.firsts.tolist() == [int.from_bytes(word) if len(word) == WORD_BYTES else 0 for word in words]


@given(contents, contents)
def test_no_content_can_forge_a_mark_without_the_nonce(first: bytes, second: bytes) -> None:
    part = record("cmdline", 1, first) + record("cmdline", 2, second)
    assert [(kind, pid) for kind, pid, _, _ in split(part, NONCE)] == [(b"cmdline", 1), (b"cmdline", 2)]


@settings(max_examples=200)
@given(st.binary(max_size=200), st.binary(max_size=10))
def test_any_bytes_give_records_within_them(part: bytes, nonce: bytes) -> None:
    for found in split(part, nonce):
        assert 0 <= found.start <= found.end <= len(part)


def test_a_mark_must_be_alone_on_its_line_and_whole() -> None:
    assert split(b"x" + NONCE + b" maps 1\nabc", NONCE) == []
    assert split(NONCE + b" maps 1", NONCE) == []
    assert split(NONCE + b" maps 1 2\nabc", NONCE) == []
    assert split(NONCE + b" maps -1\nabc", NONCE) == []
    assert split(NONCE + b" maps 12345678\nabc", NONCE) == []
    assert split(NONCE + b" " + b"m" * 33 + b" 1\nabc", NONCE) == []


def test_an_empty_record() -> None:
    part = record("denied", 5, b"") + record("end", 0, b"")
    assert split(part, NONCE) == [Record(b"denied", 5, 42, 42), Record(b"end", 0, 82, 83)]


@given(st.lists(st.tuples(kinds, st.integers(0, 99), contents), max_size=6))
def test_masking_keeps_every_record_and_argument(sent: list[tuple[str, int, bytes]]) -> None:
    part = b"".join(record(*fields) for fields in sent)
    masked = mask_identity(part, NONCE)
    before, after = split(part, NONCE), split(masked, NONCE)
    assert [found[:2] for found in before] == [found[:2] for found in after]
    for old, new in zip(before, after, strict=True):
        old_text, new_text = part[old.start : old.end], masked[new.start : new.end]
        if old.kind == b"cmdline":
            assert old_text.count(b"\0") == new_text.count(b"\0")
        elif old.kind != b"comm":
            assert old_text == new_text


def test_secrets_are_masked_in_arguments_alone() -> None:
    arguments = b"app\0--password=hunter2\0--verbose\0"
    part = (
        b"motd\n"
        + record("comm", 7, b"app\n")
        + record("cmdline", 7, arguments)
        + record("end", 0, b"sent=1")
    )
    assert mask_identity(part, NONCE) == (
        record("comm", 7, b"app\n")
        + record("cmdline", 7, b"app\0--password=***\0--verbose\0")
        + record("end", 0, b"sent=1")
    )


def test_what_grep_sent_is_masked_too() -> None:
    end = record("end", 0, b"")
    part = record(
        "grep", 0, b"7/cmdline:app\0--token\0abc\0\n12/cmdline:two\n12/cmdline:password=x\n9/comm:token\n"
    )
    shown = record(
        "grep", 0, b"7/cmdline:app\0--token\0***\0\n12/cmdline:two\n12/cmdline:password=***\n9/comm:token\n"
    )
    assert mask_identity(part + end, NONCE) == shown + end


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"app\0" + b"x" * (ARGUMENTS_CUT_BYTES - 4), b"app\0"),
        (b"mapsweep probe\0--url=postgres://a:halfasec"[:OWN_CUT_BYTES], b"mapsweep probe\0"),
        (b"worker of mapsweep probe --lev 12345678", b"worker of mapsweep probe --lev 12345678"),
        (b"app\0" + b"x" * (CROWDED_CUT_BYTES - 4), b"app\0" + b"x" * (CROWDED_CUT_BYTES - 4)),
    ],
)
def test_an_argument_that_the_probe_cut_is_dropped(sent: bytes, kept: bytes) -> None:
    masked = mask_identity(record("cmdline", 1, sent) + record("end", 0, b""), NONCE)
    first = split(masked, NONCE)[0]
    assert masked[first.start : first.end] == kept


@pytest.mark.slow
def test_once_much_is_held_back_the_probe_cuts_shorter() -> None:
    filler = record("cgroup", 1, b"x" * CROWDED_BYTES)
    part = record("cmdline", 2, b"app\0" + b"x" * (CROWDED_CUT_BYTES - 4)) + filler
    masked = mask_identity(part, NONCE)
    first = split(masked, NONCE)[0]
    assert masked[first.start : first.end] == b"app\0"


def test_names_and_groups_are_masked_too() -> None:
    token = b"ghp_0123456789abcdefghijABCDEFGHIJ012345"
    part = record("comm", 1, b"pw=hunter2\n") + record("cgroup", 1, b"0::/a/" + token + b"/b\n")
    masked = mask_identity(part, NONCE)
    assert b"hunter2" not in masked
    assert token not in masked
    assert b"0::/a/***/b" in masked


def test_a_group_is_masked_alike_in_both_parts() -> None:
    path = b"/a.slice/password:Zq8xL2vR9/pass=Zq8/docker-0123.scope"
    hidden = b"/a.slice/password:***/pass=***/docker-0123.scope"
    for lines in (b"0::%s\n", b"4:cpu,cpuacct:/\n1:name=systemd:%s\n0::/\n"):
        assert mask_identity(record("cgroup", 5, lines % path), NONCE).endswith(lines % hidden + b"\n")
    memory = MemoryPart(NONCE)
    limits = record("cgroup-memory", 0, b"%s\tmax\t4096\n/b\t1\t2\n" % path)
    memory.look_at(limits)
    assert memory.found
    assert b"".join(memory.masked([limits])) == limits.replace(path, hidden)


def test_the_name_of_a_process_is_masked_alike_in_all_its_records() -> None:
    name = b"a\\b)\npass=Zq8 (x"
    shown = mask_comm(name + b"\n")[:-1]
    assert b"Zq8" not in shown
    status = mask_status_name(name.replace(b"\\", rb"\\").replace(b"\n", rb"\n"))
    assert status == shown.replace(b"\\", rb"\\").replace(b"\n", rb"\n")
    assert mask_stat(b"5 (%s) S 1 2 3\n" % name) == b"5 (%s) S 1 2 3\n" % shown


@pytest.mark.parametrize("more", [0, 1])
def test_of_too_many_names_the_rest_is_dropped(more: int) -> None:
    part = b"".join(record("stat", pid, b"%d (app) S 1\n" % pid) for pid in range(5 + more))
    memory = MemoryPart(NONCE, names_limit=5)
    memory.look_at(part)
    assert memory.found == bool(more)
    assert b"".join(memory.masked([part])).count(b"(app) S 1") == 5
