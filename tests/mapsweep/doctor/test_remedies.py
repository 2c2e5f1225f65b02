"""The commands that doctor prints, run as somebody would who copies them."""

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from collector.ssh.key_files import load
from domain.records import Host
from domain.troubles.table import TROUBLES
from mapsweep.doctor.remedies import Here, commands
from tests.mapsweep.doctor.visits import applied
from tests.ports import free_port
from tests.sshd import keygen

HERE = Here("/known_hosts", "me", ("mapsweep", "doctor"), inventory=("--inventory", "a b.ini"))


@pytest.mark.parametrize(
    "reason",
    [
        "tcp_refused",
        "tcp_unreachable",
        "dns_timeout",
        "banner_timeout",
        "hostkey_unknown",
        "hostkey_changed",
        "sudo_refused",
        "nologin",
        "no_tool",
    ],
)
def test_an_address_is_no_option_of_a_command(reason: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    host = Host("web-01", f"-oProxyCommand=touch {mark}", free_port())
    here = Here(str(tmp_path / "known_hosts"), "-oProxyCommand=x", ("mapsweep", "doctor"), accepts_keys=False)
    for line in commands(reason, [(host, "")], here):
        subprocess.run(["sh", "-c", line], capture_output=True, check=False, stdin=subprocess.DEVNULL)
        assert " -- " in line
    assert not mark.exists()


def test_an_account_is_no_option_of_a_command(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    host = Host("web-01", "127.0.0.1", free_port(), user=f"-oProxyCommand=touch {mark};")
    for trouble in TROUBLES:
        for line in commands(trouble.reason, [(host, "")], HERE):
            assert "-oProxyCommand" not in line or " -- " in line
    for line in commands("auth_rejected", [(host, "")], HERE):
        subprocess.run(["sh", "-c", line], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert not mark.exists()


def test_an_alias_is_no_command_of_sed(tmp_path: Path) -> None:
    """`e` of sed executes; `&` and a slash only spoil the line."""
    mark, known = tmp_path / "ran", tmp_path / "known_hosts"
    alias = f"a&b/;1e touch {str(mark).replace('/', chr(92) + '/')};s/x/y"
    host = Host("web-01", "127.0.0.1", host_key_alias=alias)
    adding, *_ = commands("hostkey_unknown", [(host, "")], replace(HERE, known_hosts=str(known)))
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "ssh-keyscan").write_text("#!/bin/sh\necho 127.0.0.1 ssh-ed25519 AAAA\n")
    (tools / "ssh-keyscan").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", adding], capture_output=True, check=False, env={"PATH": path})
    assert not mark.exists()
    assert known.read_text() == f"{alias} ssh-ed25519 AAAA\n"


@pytest.mark.parametrize(("reason", "path"), [("key_exposed", "/keys/a b")])
def test_a_key_that_is_open_to_others(reason: str, path: str) -> None:
    here = Here("/known_hosts", "me", ("mapsweep", "doctor"))
    assert commands(reason, [(Host("a", "a", key_file=path), "")], here) == (f"chmod 600 '{path}'",)


def trouble_with(file: Path, passphrase: str = "") -> str:
    """The detail of the failure that a sweep makes of a key file."""
    trouble = load(file, passphrase).trouble
    assert trouble is not None
    return trouble.detail


def test_the_key_file_of_a_command_is_that_of_the_failure(tmp_path: Path) -> None:
    """Not the first, and not a usual one: ssh_config, or the account, has several."""
    files = [tmp_path / name for name in ("first", "my key", "third")]
    for file in files[:2]:
        keygen(file, passphrase="open sesame")
    names = tuple(map(str, files))
    for host, here in (
        (Host("a", "a", key_files=names), HERE),
        (Host("a", "a"), replace(HERE, default_keys=tuple(files))),
    ):
        (unlocking,) = commands("key_encrypted", [(host, trouble_with(files[1]))], here)
        assert unlocking == f"ssh-add '{files[1]}'"
        shown, _ = commands("key_unreadable", [(host, trouble_with(files[1], "wrong"))], here)
        assert shown == f"ssh-keygen -yf '{files[1]}'"
        missing, _ = commands("key_unreadable", [(host, trouble_with(files[2]))], here)
        assert missing == f"ssh-keygen -yf {files[2]}"


def test_a_key_file_in_the_home_is_named_without_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "my home"))
    (tmp_path / "my home").mkdir()
    keygen(tmp_path / "my home/key")
    host = Host("a", "a", key_file="~/key")
    shown, _ = commands("key_unreadable", [(host, "")], HERE)
    assert applied(shown).startswith("ssh-ed25519 ")


def test_a_key_file_that_its_account_may_not_read(tmp_path: Path) -> None:
    keygen(tmp_path / "key")
    (tmp_path / "key").chmod(0)
    here = replace(HERE, default_keys=(tmp_path / "key",))
    detail = f"{tmp_path / 'key'} (Permission denied)"
    allowing, _ = commands("key_unreadable", [(Host("a", "a"), detail)], here)
    applied(allowing)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("has_public_file", [True, False])
def test_the_key_that_was_refused_is_the_one_that_is_copied(tmp_path: Path, has_public_file: bool) -> None:
    files = [tmp_path / "first", tmp_path / "second"]
    for file in files:
        keygen(file)
    public = Path(f"{files[1]}.pub")
    told = subprocess.run(["ssh-keygen", "-lf", public], capture_output=True, text=True, check=True)
    host, detail = Host("a", "db", user="deploy"), f"deploy may not log in with {told.stdout.split()[1]}"
    if not has_public_file:
        public.unlink()
        host = replace(host, key_file=str(files[1]))
    host = replace(host, key_files=tuple(map(str, files)))
    copying, _ = commands("auth_rejected", [(host, detail)], HERE)
    (tmp_path / "tools").mkdir()
    fake = tmp_path / "tools/ssh-copy-id"  # the real one asks for a password
    fake.write_text('#!/bin/sh\necho "$@"; cat "$2"\n')
    fake.chmod(0o755)
    said = applied(copying, tmp_path / "tools").splitlines()
    assert said[0] == f"-i {public} deploy@db"
    assert said[1].split()[:2] == public.read_text().split()[:2]


def test_where_the_account_stands_is_told_by_the_printed_command(tmp_path: Path) -> None:
    inventory = tmp_path / "my fleet.ini"
    inventory.write_text("web01 ansible_host=127.0.0.1 ansible_user=depoly\n")
    here = replace(HERE, inventory=("--inventory", str(inventory)))
    *_, asking = commands("auth_rejected", [(Host("web01", "127.0.0.1", user="depoly"), "")], here)
    said = applied(asking, MAPSWEEP_INVENTORY=os.devnull)
    assert "user = depoly" in said
    assert "web01.ansible_user, line 1" in said


def tools(folder: Path, **scripts: str) -> Path:
    """Programs that say what they would do."""
    (folder / "tools").mkdir()
    for name, text in scripts.items():
        (folder / "tools" / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / "tools" / name).chmod(0o755)
    return folder / "tools"


# as sshd executes what comes after the options
AS_ROOT = 'while [ "$1" != -- ]; do shift; done; echo "at $2"; exec sh -c "$3"'


def test_an_account_gets_a_shell_by_the_printed_command(tmp_path: Path) -> None:
    host = Host("a", "db", 2222, user="deploy")
    (giving,) = commands("nologin", [(host, "")], HERE)
    said = applied(giving, tools(tmp_path, ssh=AS_ROOT, usermod='echo usermod "$@"'))
    assert said == "at root@db\nusermod -s /bin/sh -- deploy\n"


def test_a_host_gets_a_tool_by_the_package_manager_that_it_has(tmp_path: Path) -> None:
    (installing,) = commands("no_tool", [(Host("a", "db"), "")], HERE)
    made = tools(tmp_path, ssh=AS_ROOT, **{"apt-get": "exit 127"}, dnf='echo dnf "$@"')
    assert applied(installing, made) == "at root@db\ndnf install -y gawk\n"


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost"])
def test_the_route_to_a_host_is_asked_with_its_address(tmp_path: Path, address: str) -> None:
    (asking,) = commands("tcp_unreachable", [(Host("a", address), "")], HERE)
    route, get, asked = applied(asking, tools(tmp_path, ip='echo "$@"')).split()
    assert (route, get) == ("route", "get")
    assert asked in {"127.0.0.1", "::1"}


def test_no_command_has_a_placeholder_for_what_is_known() -> None:
    host = Host("a", "db", 2222, user="deploy", key_file="/key")
    for trouble in TROUBLES:
        for line in commands(trouble.reason, [(host, "")], HERE):
            assert not re.search(r"\b(ACCOUNT|ADDRESS|HOST|PORT|FILE)\b|<[a-z]", line), line
