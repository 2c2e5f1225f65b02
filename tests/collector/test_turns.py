import gzip

import pytest

from collector import probe, turns
from collector.session import Session
from collector.trouble import HostTrouble
from collector.turns import Received
from domain.records import Host, Limits, Stage
from procmaps.masking_options import Arguments, Masking
from procmaps.tables import Evidence
from tests.collector.spools import spooled

HOST = Host("web1", "10.0.0.1")
SUDO = Host("web1", "10.0.0.1", become=True)


def stream_of(nonce: str) -> bytes:
    memory, identity = (f"{nonce} maps 7\nx\n\n{nonce} end 0\nsent=1\n".encode() for _ in range(2))
    return f"{nonce} begin 1\n".encode() + gzip.compress(memory) + gzip.compress(identity)


@pytest.mark.parametrize(
    ("host", "status", "expected"),
    [
        (HOST, 1, (Stage.EXEC, "no_stream")),
        (HOST, None, (Stage.EXEC, "no_stream")),
        (HOST, 127, (Stage.EXEC, "no_shell")),
        (HOST, probe.EXIT_NO_PROC, (Stage.EXEC, "no_proc")),
        (SUDO, 1, (Stage.SUDO, "sudo_refused")),
        (SUDO, None, (Stage.SUDO, "sudo_refused")),
        (SUDO, 127, (Stage.SUDO, "sudo_missing")),
        (SUDO, probe.EXIT_REFUSED, (Stage.EXEC, "root_refused")),
        (SUDO, probe.EXIT_NO_PROC, (Stage.EXEC, "no_proc")),
    ],
)
def test_without_a_stream_the_exit_status_tells(
    host: Host, status: int | None, expected: tuple[Stage, str]
) -> None:
    drawn = probe.draw(host, Limits(), Evidence.MAPS)
    with pytest.raises(HostTrouble) as raised:
        turns.conclude(
            turns.begin(host, 1, Session().budget.share()),
            drawn,
            Received(spooled(b"motd\n"), b"sorry\x1b[0m\n", status),
            Session(),
        )
    assert (raised.value.stage, raised.value.reason) == expected
    assert "sorry [0m" in raised.value.detail


def test_a_host_with_no_tool() -> None:
    drawn = probe.draw(HOST, Limits(), Evidence.MAPS)
    begun = f"{drawn.nonce} begin 1\n".encode()
    with pytest.raises(HostTrouble) as raised:
        turns.conclude(
            turns.begin(HOST, 1, Session().budget.share()),
            drawn,
            Received(spooled(begun), b"", probe.EXIT_NO_TOOL),
            Session(),
        )
    assert (raised.value.stage, raised.value.reason) == (Stage.EXEC, "no_tool")


def test_a_whole_stream_is_whole_whatever_the_exit_status() -> None:
    """A login shell's last words, a killed sudo monitor: the closing counts have come."""
    drawn = probe.draw(HOST, Limits(), Evidence.MAPS)
    turn = turns.begin(HOST, 2, Session().budget.share())
    dump = turns.conclude(turn, drawn, Received(spooled(stream_of(drawn.nonce)), b"noise", 1), Session())
    assert dump.complete
    assert (dump.host, dump.attempt, dump.problem) == ("web1", 2, "")
    assert dump.at.endswith("+00:00")


def test_a_cut_stream_says_what_is_known_of_its_end() -> None:
    drawn = probe.draw(HOST, Limits(), Evidence.MAPS)
    cut = stream_of(drawn.nonce)[:-10]
    for capture, ending in (
        (Received(spooled(cut), b"awk: killed", 137), "exit status 137, awk: killed"),
        (Received(spooled(cut), b"", None), "no exit status"),
        (Received(spooled(cut), b"", None, "no byte came for 30 s"), "no byte came for 30 s"),
    ):
        dump = turns.conclude(turns.begin(HOST, 1, Session().budget.share()), drawn, capture, Session())
        assert not dump.complete
        assert dump.problem == f"the stream was cut off in its identity part; {ending}"


def test_what_the_settings_say_of_arguments_reaches_what_is_kept() -> None:
    drawn = probe.draw(HOST, Limits(), Evidence.MAPS)
    memory = gzip.compress(f"{drawn.nonce} maps 7\nx\n\n{drawn.nonce} end 0\nsent=1\n".encode())
    identity = f"{drawn.nonce} cmdline 7\na\0--kundennr\0x17\0\n{drawn.nonce} end 0\nsent=1\n".encode()
    received = f"{drawn.nonce} begin 1\n".encode() + memory + gzip.compress(identity)
    for masking, kept in (
        (Masking(), b"x17"),
        (Masking(words=("kundennr",)), b"--kundennr\0***"),
        (Masking(Arguments.NAMES), b"a\0--kundennr\n"),
        (Masking(Arguments.NONE), b"cmdline 7\n\n"),
    ):
        capture = Received(spooled(received), b"", 0)
        dump = turns.conclude(
            turns.begin(HOST, 1, Session().budget.share()), drawn, capture, Session(masking=masking)
        )
        assert kept in gzip.decompress(dump.identity_gz)
