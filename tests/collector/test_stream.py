import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector import members, stream
from collector.trouble import HostTrouble
from domain.content import Content, whole
from domain.records import Limits, Stage
from procmaps.frames import split
from procmaps.grepped import files_of
from procmaps.masking_options import AS_BY_DEFAULT, Arguments, Masking
from procmaps.read import read
from procmaps.secret_paths import PATH_COST_BYTES, PATHS_LIMIT_BYTES
from procmaps.secret_records import FACTS_LIMIT_BYTES
from tests.collector.spools import spooled

NONCE = "00112233445566778899aabbccddeeff"
BEGIN = f"{NONCE} begin 1\n".encode()
MEMORY = f"{NONCE} maps 7\nabc\n\n{NONCE} end 0\nlisted=1 sent=1\n".encode()
IDENTITY = f"{NONCE} comm 7\nx\n\n{NONCE} end 0\nsent=1\n".encode()
SMALL_BYTES = 100_000
PACKED = gzip.compress(MEMORY, 1, mtime=0), gzip.compress(IDENTITY, 1, mtime=0)


def accept(received: bytes, limits: Limits | None = None, masking: Masking = AS_BY_DEFAULT) -> stream.Parts:
    """In memory; what a file makes of it is the same."""
    made = stream.parts(spooled(received), NONCE, limits or Limits(), masking)
    if len(received) < SMALL_BYTES:
        again = stream.parts(spooled(received, 0), NONCE, limits or Limits(), masking)
        assert (whole(again.memory_gz), whole(again.identity_gz)) == (made.memory_gz, made.identity_gz)
        assert replace(again, memory_gz=b"", identity_gz=b"") == replace(made, memory_gz=b"", identity_gz=b"")
    return made


def text_of(part: Content) -> bytes:
    return gzip.decompress(whole(part))


def noisy(size: int) -> bytes:
    """Memory text that gzip makes hardly smaller."""
    return random.Random(1).randbytes(size).hex().encode() + b"\n" + MEMORY


def test_the_memory_part_is_kept_as_it_arrived() -> None:
    parts = accept(BEGIN + PACKED[0] + PACKED[1])
    assert parts.memory_gz == PACKED[0]
    assert text_of(parts.identity_gz).splitlines() == IDENTITY.splitlines()
    assert parts.complete
    assert parts.problem == ""


@pytest.mark.parametrize("size", [0, 1000, 40_000, 200_000, 700_000])
def test_parts_of_any_size_end_where_they_end(size: int) -> None:
    memory = gzip.compress(noisy(size), 1)
    parts = accept(BEGIN + memory + PACKED[1] + b"trailing noise")
    assert parts.memory_gz == memory
    assert parts.complete


def test_plain_text_of_a_host_without_gzip() -> None:
    parts = accept(BEGIN + MEMORY + IDENTITY)
    assert text_of(parts.memory_gz) == MEMORY
    assert text_of(parts.identity_gz).splitlines() == IDENTITY.splitlines()
    assert parts.complete


def test_noise_of_a_login_shell_is_a_short_warning() -> None:
    parts = accept(b"Welcome\x1b[2J to\nfoo " * 50 + BEGIN + PACKED[0] + PACKED[1])
    assert parts.complete
    assert parts.problem.startswith("950 bytes came before the stream: Welcome [2J to foo")
    assert len(parts.problem) < 150
    assert parts.problem.isprintable()


def test_blank_lines_before_the_stream_are_no_warning() -> None:
    assert accept(b"\n\r\n" + BEGIN + PACKED[0] + PACKED[1]).problem == ""


def test_a_fresh_start_voids_what_came_before() -> None:
    again, third = (f"{NONCE} again {number}\n".encode() for number in (2, 3))
    cut = gzip.compress(f"{NONCE} maps 7\nvoid\n".encode(), 1)
    parts = accept(BEGIN + cut + again + cut + third + PACKED[0] + PACKED[1])
    assert parts.memory_gz == PACKED[0]
    assert parts.complete
    parts = accept(BEGIN + MEMORY[:40] + again + MEMORY + IDENTITY)
    assert text_of(parts.memory_gz) == MEMORY
    assert parts.complete


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_what_came_of_a_cut_memory_part_is_kept(kept: float) -> None:
    text = noisy(100_000)
    packed = gzip.compress(text, 1)
    parts = accept(BEGIN + packed[: int(len(packed) * kept)])
    assert not parts.complete
    assert "cut off in its memory part" in parts.problem
    memory = text_of(parts.memory_gz)
    assert text.startswith(memory)
    assert len(memory) > len(text) * (kept - 0.1)
    assert text_of(parts.identity_gz) == b""


def test_a_cut_identity_part_loses_its_last_record() -> None:
    """Half an argument may be half a secret."""
    identity = f"{NONCE} comm 7\nx\n\n{NONCE} cmdline 7\na\0--tok".encode()
    for received in (gzip.compress(identity, 1), gzip.compress(identity + b"en=" * 9, 1)[:-12], identity):
        parts = accept(BEGIN + (PACKED[0] if received is not identity else MEMORY) + received)
        assert not parts.complete
        assert "identity part" in parts.problem
        kept = text_of(parts.identity_gz)
        assert b"tok" not in kept
        assert b"comm 7" in kept


def test_secrets_are_masked() -> None:
    identity = f"{NONCE} cmdline 7\na\0--password=hunter2\0\n{NONCE} end 0\nsent=1\n".encode()
    parts = accept(BEGIN + PACKED[0] + gzip.compress(identity, 1))
    assert b"hunter2" not in text_of(parts.identity_gz)
    assert parts.complete


def test_damage_keeps_what_was_before_it() -> None:
    packed = bytearray(gzip.compress(noisy(100_000), 1))
    packed[-5] ^= 0xFF  # in the checksum
    parts = accept(BEGIN + bytes(packed) + PACKED[1])
    assert not parts.complete
    text_of(parts.memory_gz)


def test_no_begin_no_dump() -> None:
    with pytest.raises(HostTrouble) as raised:
        accept(b"some other program's output")
    assert (raised.value.stage, raised.value.reason) == (Stage.READ, "no_stream")


@pytest.mark.parametrize("rest", [b"", PACKED[0][:5], f"{NONCE} again 2".encode()])
def test_nothing_after_begin_is_truncated(rest: bytes) -> None:
    with pytest.raises(HostTrouble) as raised:
        accept(BEGIN + rest)
    assert (raised.value.stage, raised.value.reason) == (Stage.READ, "truncated")


def test_inflated_bytes_at_the_limit() -> None:
    text = noisy(50_000)
    packed = gzip.compress(text, 1)
    size = len(text) + len(IDENTITY)
    assert accept(BEGIN + packed + PACKED[1], Limits(inflated_bytes=size)).complete
    for limit in (size - 1, len(text), len(text) - 1):
        with pytest.raises(HostTrouble) as raised:
            accept(BEGIN + packed + PACKED[1], Limits(inflated_bytes=limit))
        assert raised.value.reason == "inflated_limit"


def test_a_bomb_goes_off_at_the_limit_and_not_in_memory() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(64)) + packer.flush()
    with pytest.raises(HostTrouble) as raised:
        accept(BEGIN + bomb, Limits(inflated_bytes=2**22))
    assert raised.value.reason == "inflated_limit"
    with pytest.raises(HostTrouble):
        accept(BEGIN + PACKED[0] + bomb, Limits(inflated_bytes=2**22))


@given(st.binary(max_size=300), st.binary(max_size=300))
@example(b"", b"\x1f\x8b")
@example(b"", PACKED[0][:-1])
@example(b"", PACKED[0] + PACKED[1][:-1])
def test_any_bytes_are_a_dump_or_a_trouble(noise: bytes, rest: bytes) -> None:
    try:
        parts = accept(noise + BEGIN + rest)
    except HostTrouble:
        return
    text_of(parts.memory_gz)
    text_of(parts.identity_gz)


TOKEN = b"ghp_0123456789abcdefghijABCDEFGHIJ012345"


def test_secrets_in_names_and_groups_of_the_identity_part_are_not_kept() -> None:
    token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    records = {"comm 7": "pw=hunter2\n", "cgroup 7": f"0::/x.slice/token={token}\n", "end 0": "sent=1\n"}
    identity = "\n".join(f"{NONCE} {name}\n{text}" for name, text in records.items()).encode()
    for sent in (MEMORY + identity, gzip.compress(MEMORY, 1) + gzip.compress(identity, 1)):
        parts = accept(BEGIN + sent)
        kept = text_of(parts.identity_gz)
        assert parts.complete
        assert b"hunter2" not in kept
        assert token.encode() not in kept
        assert b"comm 7" in kept
        assert b"/x.slice/" in kept


@pytest.mark.parametrize("packed", [True, False])
def test_a_secret_in_a_mapped_path_is_not_kept(packed: bool) -> None:
    line = b"7f00-7f01 r-xp 00000000 08:01 123                 /srv/%s/lib.so\n"
    memory = b"%s maps 7\n" % NONCE.encode() + b"".join(line % (b"d%d" % number) for number in range(9_000))
    memory += line % TOKEN + f"\n{NONCE} end 0\nlisted=1\n".encode()
    received = gzip.compress(memory, 1) + PACKED[1] if packed else memory + IDENTITY
    parts = accept(BEGIN + received)
    assert parts.complete
    assert text_of(parts.memory_gz) == memory.replace(TOKEN, b"***")


@pytest.mark.slow
def test_of_too_many_paths_the_rest_is_dropped() -> None:
    count = PATHS_LIMIT_BYTES // PATH_COST_BYTES + 2
    lines = b"".join(b"7f00-7f01 r-xp 0 08:01 1 /%d\n" % number for number in range(count))
    parts = accept(BEGIN + f"{NONCE} maps 7\n".encode() + lines + MEMORY + IDENTITY)
    kept = text_of(parts.memory_gz)
    assert kept.count(b"\n") >= count
    assert b" /***\n" in kept


def test_secrets_in_what_a_login_shell_prints_are_masked() -> None:
    parts = accept(b"export PGPASSWORD=hunter2\ncurl -u admin:hunter2 x\n" + BEGIN + PACKED[0] + PACKED[1])
    assert "PGPASSWORD=***" in parts.problem
    assert "hunter2" not in parts.problem


@pytest.mark.slow
def test_arguments_that_cost_too_much_are_dropped_and_the_problem_says_so() -> None:
    records = b"".join(
        b"%s cmdline %d\n%s\n"
        % (NONCE.encode(), pid, b"\0".join(b"%d" % (pid * 500 + at) for at in range(500)))
        for pid in range(1, 700)
    )
    parts = accept(BEGIN + MEMORY + records + IDENTITY)
    assert "processes were dropped" in parts.problem


def test_what_is_kept_of_arguments_is_the_sites_choice() -> None:
    identity = f"{NONCE} cmdline 7\napp\0--port\00080\0\n{NONCE} end 0\nsent=1\n".encode()
    masking = Masking(Arguments.NAMES)
    parts = accept(BEGIN + MEMORY + identity, masking=masking)
    assert b"app\0--port\n" in text_of(parts.identity_gz)


HOST = (
    b'%s osrelease 0\n6.1.0-13-amd64\n\n%s os-release 0\nID=x\nPRETTY_NAME="Debian token=Zq8xL2vR9"\n\n'
    b"%s arch 0\npassword: Zq8xL2vR9\n%s boot_id 0\nghp_%s\n\n"
    b"%s cgroup-memory 0\n/a/token=Zq8xL2vR9/b.service\tmax\t4096\n\n%s end 0\nlisted=1 sent=1\n"
) % (*[NONCE.encode()] * 4, b"Zq8xL2vR9" * 4, *[NONCE.encode()] * 2)
STAT_NUMBERS = b" S 1 5 5 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 777 8192 3"


def named(name: bytes) -> bytes:
    """The memory part of a host with one process of this name."""
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
    contents = (
        (b"status", b"Name:\t%s\nPid:\t5\nVmSize:\t8 kB\n" % escaped),
        (b"stat", b"5 (%s)%s\n" % (name, STAT_NUMBERS)),
        (b"limits", b"Limit\n"),
        (
            b"maps",
            b"7f00-7f01 rw-p 00000000 00:00 0                          [anon:%s]\n"
            b"7f01-7f02 rw-p 00000000 00:00 0                          [anon_shmem:%s]\n"
            b"7f02-7f03 rw-p 00000000 00:00 0                          [heap]\n" % (escaped, escaped),
        ),
    )
    return b"".join(b"%s %s 5\n%s\n" % (NONCE.encode(), kind, content) for kind, content in contents)


def grepped(name: bytes) -> bytes:
    """The same from a host without awk."""
    pieces = []
    for file, text in (
        ("status", b"Name:\t%s\nVmSize:\t8 kB" % name.replace(b"\n", rb"\n")),
        ("stat", b"5 (%s)%s" % (name, STAT_NUMBERS)),
    ):
        lines = [b"/r/proc/5/%s:%s\n" % (file.encode(), line) for line in text.split(b"\n")]
        pieces.append(b"%s grep 0\n%s\n" % (NONCE.encode(), b"".join(lines)))
    return b"".join(pieces)


def memory_of(memory: bytes, *, packed: bool = True) -> bytes:
    sent = gzip.compress(memory, 1) + PACKED[1] if packed else memory + IDENTITY
    return text_of(accept(BEGIN + sent).memory_gz)


@pytest.mark.parametrize("packed", [False, True])
def test_secrets_in_names_and_facts_of_the_memory_part_are_not_kept(packed: bool) -> None:
    kept = memory_of(named(b"token=Zq8xL2vR9") + HOST, packed=packed)
    expected = (named(b"token=***") + HOST).replace(b"ghp_" + b"Zq8xL2vR9" * 4, b"***")
    assert kept == expected.replace(b"Zq8xL2vR9", b"***")


@pytest.mark.parametrize("name", [b"a) S 1 token=Zq8", b"token=\nZq8", b"x (token=Zq8)", rb"\token=Zq8"])
@pytest.mark.parametrize("form", [named, grepped])
def test_a_name_of_any_signs_is_masked_and_its_record_stays(
    form: Callable[[bytes], bytes], name: bytes
) -> None:
    kept = memory_of(form(name) + HOST)
    assert b"Zq8" not in kept
    assert b")" + STAT_NUMBERS in kept
    snapshot = read(kept, b"", NONCE.encode())
    assert snapshot.processes.start_ticks.tolist() == [777]
    assert len(snapshot.processes.pid) == 1


@pytest.mark.parametrize("form", [named, grepped])
def test_of_a_part_cut_off_anywhere_no_named_secret_is_kept(form: Callable[[bytes], bytes]) -> None:
    memory = form(b"token=Zq8xL2vR9") + HOST
    for length in range(len(memory)):
        kept = text_of(accept(BEGIN + memory[: length + 1]).memory_gz)
        assert b"Zq8" not in kept, length


@pytest.mark.parametrize("form", [named, grepped])
def test_names_without_a_secret_are_kept_as_they_arrived(form: Callable[[bytes], bytes]) -> None:
    for name in (b"bash", b"(sd-pam)", b"kworker/0:1-ev", b"scudo:primary", b"a b) S 1", b"Web Content"):
        memory = form(name) + MEMORY
        assert memory_of(memory) == memory


def test_names_across_pieces_are_masked() -> None:
    one = named(b"token=\nZq8xL2vR9")
    memory = one * (3 * members.STEP_BYTES // len(one)) + HOST
    assert b"Zq8" not in memory_of(memory)


@pytest.mark.slow
def test_of_too_many_facts_the_rest_is_dropped() -> None:
    line = b"NAME=" + b"x" * 1018 + b"\n"
    count = FACTS_LIMIT_BYTES // (len(line) - 1)
    facts = b"%s os-release 0\n" % NONCE.encode() + line * count
    assert memory_of(facts).count(line) == count
    assert b"PRETTY" not in memory_of(facts + line + b"\n" + HOST)


NEWLINES_BYTES = 2**21
HELD_BYTES = 12 * 2**20  # of a part, whatever it holds
PEAK_TIMES = 10  # of an amount of text; an index of its lines takes more than twenty times as much


@contextmanager
def memory_for(size: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < PEAK_TIMES * size
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "kind", ["cmdline 7", "comm 7", pytest.param("grep 0", marks=pytest.mark.slow), "exe 7"]
)
def test_an_identity_record_of_empty_lines_takes_no_memory_a_line(kind: str) -> None:
    text = f"{NONCE} {kind}\n".encode() + b"\n" * NEWLINES_BYTES + b"\n" + IDENTITY
    received = BEGIN + PACKED[0] + gzip.compress(text, 1)
    with memory_for(NEWLINES_BYTES):
        parts = accept(received)
    assert parts.complete
    assert len(text_of(parts.identity_gz)) < NEWLINES_BYTES // 8


@pytest.mark.parametrize("cut", [0, 60, 300_000])
def test_a_long_record_of_grep_loses_no_file_and_splits_none(cut: int) -> None:
    texts = {pid: b"arg%d\nsecond line\n" % pid * (pid % 7) + b"last\n" for pid in range(1, 30_000)}
    lines = b"".join(
        b"/proc/%d/comm:%s\n" % (pid, line) for pid, text in texts.items() for line in text.splitlines()
    )
    text = f"{NONCE} grep 0\n".encode() + lines + f"\n{NONCE} end 0\n\n".encode()
    assert len(lines) > 3 * 2**20
    parts = accept(BEGIN + PACKED[0] + gzip.compress(text[: len(text) - cut], 1))
    identity = text_of(parts.identity_gz)
    records = [record for record in split(identity, NONCE.encode()) if record.kind == b"grep"]
    assert len(records) > 3 - bool(cut)
    files = [file for record in records for file in files_of(identity[record.start : record.end])]
    kept = {pid: content for pid, _, content in files}
    assert len(kept) == len(files)
    assert kept.items() <= texts.items()
    assert parts.complete == (kept == texts) == (not cut)


@pytest.mark.slow
@pytest.mark.parametrize("line", [b"/proc/7/cmdline:%s\n", b"yy\n", b"%s"])
@pytest.mark.parametrize("kind", ["grep 0", "cmdline 7"])
def test_of_one_long_file_only_what_is_kept_is_held(kind: str, line: bytes) -> None:
    size = 12 * 2**20
    line = line.replace(b"%s", b"x" * 1000)
    text = f"{NONCE} {kind}\n".encode() + line * (size // len(line)) + f"\n{NONCE} comm 8\ny".encode()
    received = BEGIN + PACKED[0] + gzip.compress(text + f"\n{NONCE} end 0\n\n".encode(), 1)
    tracemalloc.start()
    try:
        parts = stream.parts(spooled(received), NONCE, Limits(), Masking())
        assert tracemalloc.get_traced_memory()[1] < HELD_BYTES
    finally:
        tracemalloc.stop()
    assert parts.complete
    assert text_of(parts.identity_gz).endswith(f"\n{NONCE} comm 8\ny\n{NONCE} end 0\n\n".encode())


@pytest.mark.slow
def test_small_identity_records_take_no_memory_each() -> None:
    text = f"{NONCE} comm 7\nx\n\n".encode() * (NEWLINES_BYTES // 48) + IDENTITY
    received = BEGIN + PACKED[0] + gzip.compress(text, 1)
    with memory_for(NEWLINES_BYTES):
        assert accept(received).complete


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_at_the_limit(pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = 1000
    limits = Limits(inflated_bytes=members.LINE_BYTES * 100_000)
    text = f"{NONCE} maps 7\n".encode() + b"\n" * (lines - 4) + f"{NONCE} end 0\nlisted=1\n".encode()
    assert text.count(b"\n") == lines - 1
    monkeypatch.setattr(members, "LINES_FREE", lines - 1 - 100_000)
    assert accept(BEGIN + pack(text) + PACKED[1], limits).complete
    monkeypatch.setattr(members, "LINES_FREE", lines - 2 - 100_000)
    with pytest.raises(HostTrouble) as raised:
        accept(BEGIN + pack(text) + PACKED[1], limits)
    assert raised.value.reason == "inflated_limit"
    assert "lines" in raised.value.detail
