"""The probe's own processes are told by what the kernel says of them: a look-alike stays what it is."""

from dataclasses import dataclass, replace

import pytest

from procmaps.identity import identify
from procmaps.own_probe import LARGEST_BYTES, RUNTIME
from procmaps.read import read
from tests.strategies import NONCE, closing, record

MAPS = b"00400000-00401000 r-xp 00000000 00:00 0 \n"
SHELL = b"/bin/sh\0-c\0: mapsweep probe; unset "  # as the probe cuts it, and masking the word that was cut
SUDO = b"sudo\0-n\0/bin/sh\0-c\0: mapsweep probe; "
LOGIN = b"bash\0-c\0/bin/sh -c ': mapsweep probe; "
ACCOUNT = 998
OWN, OTHER = RUNTIME, ""


@dataclass(frozen=True)
class Sent:
    """A process as a host sends it."""

    pid: int
    parent: int
    uid: int
    cmdline: bytes
    anon_kb: int = 200
    readable: bool = True
    shmem_kb: int = 0
    swap_kb: int = 0


def runtimes(*sent: Sent) -> dict[int, str]:
    """By pid, out of a dump of these processes and of init."""
    memory = identity = b""
    for each in (Sent(1, 0, 0, b"/sbin/init\0", readable=any(one.uid == 0 for one in sent)), *sent):
        status = (
            b"Name:\tx\nPPid:\t%d\nUid:\t%d\t%d\t0\t0\nRssAnon:\t%d kB\nRssShmem:\t%d kB\nVmSwap:\t%d kB\n"
            % (*(each.parent, each.uid, each.uid, each.anon_kb, each.shmem_kb, each.swap_kb),)
        )
        memory += record("status", each.pid, status)
        memory += record("maps", each.pid, MAPS) if each.readable else record("denied", each.pid, b"")
        identity += record("cmdline", each.pid, each.cmdline)
    denied = sum(not each.readable for each in sent)
    snapshot = read(memory + closing(len(sent) + 1, denied), identity + record("end", 0, b""), NONCE)
    return dict(zip(snapshot.processes.pid.tolist(), identify(snapshot).runtime, strict=True))


def test_of_a_host_read_by_sudo_the_shell_and_what_started_it_are_the_probes() -> None:
    found = runtimes(
        Sent(900, 1, 0, b"sshd: mapsweep@notty\0"),
        Sent(901, 900, ACCOUNT, LOGIN),
        Sent(902, 901, 0, SUDO),
        Sent(903, 902, 0, SHELL),
    )
    assert found == {1: OTHER, 900: OTHER, 901: OWN, 902: OWN, 903: OWN}


def test_of_a_host_read_without_root_it_is_the_shell_of_the_one_account_that_can_be_read() -> None:
    found = runtimes(
        Sent(900, 1, ACCOUNT, b"sshd: mapsweep@notty\0", readable=False),
        Sent(901, 900, ACCOUNT, LOGIN),
        Sent(902, 901, ACCOUNT, SHELL),
        Sent(1000, 1, ACCOUNT, b"/usr/bin/app\0"),
    )
    assert found == {1: OTHER, 900: OTHER, 901: OWN, 902: OWN, 1000: OTHER}


def test_they_are_a_service_of_their_own() -> None:
    memory = record("status", 7, b"Uid:\t0\t0\t0\t0\nRssAnon:\t9 kB\n") + record("maps", 7, MAPS)
    identity = record("cmdline", 7, SHELL) + record("cgroup", 7, b"0::/system.slice/ssh.service\n")
    snapshot = read(memory + closing(1), identity + record("end", 0, b""), NONCE)
    found = identify(snapshot)
    assert (found.service, found.unit) == ((RUNTIME,), ("ssh.service",))


def test_what_the_shell_started_is_the_probes_too() -> None:
    """As a host without awk sends it: it lists its processes anew."""
    found = runtimes(
        Sent(902, 1, 0, SHELL + b"the whole text\0"),
        Sent(903, 902, 0, SHELL + b"the whole text\0"),
        Sent(904, 903, 0, b"gzip\0-1\0"),
        Sent(905, 903, 0, b"grep\0-a\0\0/proc/1/maps\0"),
        Sent(906, 1, 0, b"gzip\0-1\0"),
    )
    assert found == {1: OTHER, 902: OWN, 903: OWN, 904: OWN, 905: OWN, 906: OTHER}


@pytest.mark.parametrize("parent", [1, 902, 31337])
def test_a_process_of_another_account_that_calls_itself_so_is_none(parent: int) -> None:
    """A parent of its own cannot help it: only what the probe's shell started has that as its parent."""
    stranger = Sent(4242, 1, 33, SHELL, anon_kb=8_000)
    found = runtimes(
        Sent(902, 1, 0, SHELL), stranger, Sent(4243, 4242, 33, SHELL), Sent(4244, parent, 33, b"miner\0")
    )
    assert (found[902], found[4242], found[4243]) == (OWN, OTHER, OTHER)
    assert (found[4244] == OWN) == (parent == 902)


@pytest.mark.parametrize("more", ["anon_kb", "shmem_kb", "swap_kb"])
@pytest.mark.parametrize("cmdline", [SHELL, b"gzip\0-1\0"])
def test_of_the_account_itself_nothing_that_is_large_is_hidden(more: str, cmdline: bytes) -> None:
    most_kb = LARGEST_BYTES // 1024
    shell = Sent(902, 1, ACCOUNT, SHELL)
    nothing = Sent(4242, 902, ACCOUNT, cmdline, anon_kb=0)
    fits, is_large = (replace(nothing, **{more: size}) for size in (most_kb, most_kb + 1))  # type: ignore[arg-type]
    assert runtimes(shell, fits)[4242] == OWN
    assert runtimes(shell, is_large)[4242] == OTHER


def test_where_the_account_is_not_known_no_process_is_taken_for_the_probes() -> None:
    found = runtimes(Sent(902, 1, ACCOUNT, SHELL), Sent(903, 1, 33, SHELL))
    assert set(found.values()) == {OTHER}


def test_words_that_only_name_the_probe_are_no_script() -> None:
    found = runtimes(Sent(902, 1, 0, b"grep\0mapsweep probe\0"), Sent(903, 1, 0, b": mapsweep probe;\0-x\0"))
    assert set(found.values()) == {OTHER}
