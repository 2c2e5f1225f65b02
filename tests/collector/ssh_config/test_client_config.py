"""ssh_config: the meaning is that of the real ssh, and each mistake is named with its line."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.ssh_config import config_file
from collector.ssh_config.client_config import Answer, ClientConfig, LocalSide, load
from domain.mistakes import OperatorError
from tests.sshd import Sshd

LOCAL = LocalSide("me", 1000, Path("/home/me"), "desk.example.org", {"KEYS": "/keys"})


def config(folder: Path, text: str, local: LocalSide | None = LOCAL) -> ClientConfig:
    path = folder / "config"
    path.write_text(text)
    path.chmod(0o600)
    return load([path], local)


def answer(folder: Path, text: str, name: str = "web1") -> Answer:
    return config(folder, text).answer(name)


def ssh_says(path: Path, name: str, *options: str) -> dict[str, list[str]] | None:
    """What `ssh -G` prints, by keyword; None if it refuses the file."""
    ran = subprocess.run(
        ["ssh", "-G", "-F", path, *options, name], capture_output=True, check=False, text=True, timeout=300
    )
    if ran.returncode:
        return None
    found: dict[str, list[str]] = {}
    for line in ran.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword, []).append(value)
    return found


NAMES = ("web1", "WEB1", "web2.example.org", "db", "10.0.0.1")
_pattern = st.sampled_from(
    (
        "web1",
        "web*",
        "WEB*",
        "*",
        "?eb1",
        "db",
        "*.example.org",
        "!web1",
        "!*.org",
        "10.0.0.?",
        "[w]eb1",
        "nobody",
    )
)
_patterns = st.lists(_pattern, min_size=1, max_size=3)
_criterion = st.one_of(
    st.builds(
        lambda no, name, values: f"{no}{name} {','.join(values)}",
        st.sampled_from(("", "!")),
        st.sampled_from(("host", "originalhost", "HOST")),
        _patterns,
    ),
    st.sampled_from(
        ("user deploy,root", "user !root,*", "!user deploy", "localuser root", "localuser nobody")
    ),
    st.sampled_from(('host "web1"', "user=deploy", "host=web*", "!canonical", "canonical")),
)
_setting = st.sampled_from(
    (
        "HostName 10.1.1.1",
        "HostName=%h.example.org",
        'hostname "DB.Example.org"',
        "HostName %%h",
        "User deploy",
        "user = admin",
        "User 'two words'",
        "Port 2222",
        "port=22",
        "IdentityFile /k/one",
        'IdentityFile "/k/a b" # why',
        "IdentityFile /k/a\\ b",
        "IdentityFile /k/one",
        "CertificateFile /k/one-cert.pub",
        "CertificateFile /k/two-cert.pub",
        "IdentitiesOnly yes",
        "IdentitiesOnly no",
        "HostKeyAlias same",
        "HostKeyAlias Other",
        "ProxyJump bastion",
        "ProxyJump none",
        "ProxyCommand nc %h %p",
        "ProxyCommand none",
        "ForwardAgent no",
        "# a comment",
        "",
        "   \t",
        "Include INCLUDED",
    )
)
_head = st.one_of(
    st.builds(lambda patterns: f"Host {' '.join(patterns)}", _patterns),
    st.builds(lambda criteria: f"Match {' '.join(criteria)}", st.lists(_criterion, min_size=1, max_size=3)),
    st.sampled_from(("Match all", "Match canonical all", "Match host web1 all", "Match !all")),
)
_line = st.one_of(_setting, _setting, _setting, _head)
_refused = st.sampled_from(
    (
        "Port 0",
        "Port 99999",
        "Port",
        "IdentityFile 'open",
        "IdentitiesOnly perhaps",
        "Match",
        "Host",
        "Match host",
        'Match host ""',
        "\ufeffHost web1",
        "Match what web1",
        "Match all host web1",
    )
)
_text = st.lists(_line, max_size=14)


def compared(path: Path, name: str, *, user: str = "", port: int | None = None) -> None:
    """Both refuse the file, or both find the same for the host."""
    options = (*(("-o", f"User={user}") if user else ()), *(("-o", f"Port={port}") if port else ()))
    theirs = ssh_says(path, name, *options)
    try:
        ours = load([path]).answer(name, user, port)
    except OperatorError:
        assert theirs is None
        return
    assert theirs is not None
    assert theirs["hostname"] == [ours.host_name or name.lower()]
    assert theirs["user"] == [user or ours.user or LocalSide.of_this_machine().user]
    assert theirs["port"] == [str(port or ours.port or 22)]
    assert theirs.get("hostkeyalias", [""]) == [ours.host_key_alias]
    assert theirs["identitiesonly"] == ["yes" if ours.identities_only else "no"]
    assert tuple(theirs.get("certificatefile", ())) == ours.certificate_files
    if ours.key_files:  # else ssh tells its own defaults
        assert tuple(theirs["identityfile"]) == ours.key_files
    proxies = {**theirs}.keys() & {"proxyjump", "proxycommand"}
    assert bool(proxies) is any("proxy" in mistake.problem for mistake in ours.obstacles)


@given(
    lines=_text,
    included=_text,
    wrong=st.one_of(st.none(), st.none(), st.none(), _refused),
    name=st.sampled_from(NAMES),
    user=st.sampled_from(("", "", "deploy")),
    port=st.sampled_from((None, None, 23)),
)
@settings(max_examples=150, deadline=None)
def test_it_is_read_as_ssh_reads_it(
    lines: list[str], included: list[str], wrong: str | None, name: str, user: str, port: int | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, other = Path(folder, "config"), Path(folder, "other")
        other.write_text("\n".join(line for line in included if "INCLUDED" not in line))
        path.write_text("\n".join((*lines, wrong or "")).replace("INCLUDED", str(other)))
        for each in (path, other):
            each.chmod(0o600)
        compared(path, name, user=user, port=port)


def test_the_first_value_counts_and_files_add_up(tmp_path: Path) -> None:
    text = "Host web*\n Port 1\n IdentityFile /a\nHost *\n Port 2\n IdentityFile /b\n IdentityFile /a\n"
    found = answer(tmp_path, text)
    assert (found.port, found.key_files) == (1, ("/a", "/b"))
    assert found.origins["port"].place == f"{tmp_path}/config:2"
    assert found.origins["key_files"].place == f"{tmp_path}/config:3"


def test_what_is_given_beside_the_name_wins(tmp_path: Path) -> None:
    found = config(tmp_path, "User deploy\nPort 2222\nMatch user root\n HostName r\n").answer(
        "web1", "root", 23
    )
    assert (found.user, found.port, found.host_name) == ("", None, "r")
    assert found.origins.keys() == {"host_name"}


def test_several_files_count_in_their_order(tmp_path: Path) -> None:
    for name, port in (("one", 1), ("two", 2)):
        (tmp_path / name).write_text(f"Port {port}\nIdentityFile /{name}\n")
        (tmp_path / name).chmod(0o600)
    found = load([tmp_path / "one", tmp_path / "missing", tmp_path / "two"], LOCAL).answer("web1")
    assert (found.port, found.key_files) == (1, ("/one", "/two"))


def test_tokens_in_the_names_of_files(tmp_path: Path) -> None:
    text = "HostName %h.example.org\nUser deploy\nPort 23\nHostKeyAlias k\n"
    text += "IdentityFile %d/%h-%n-%p-%r-%u-%i-%k-%L-%l-%%\n"
    (file,) = answer(tmp_path, text).key_files
    assert file == "/home/me/web1.example.org-web1-23-deploy-me-1000-k-desk-desk.example.org-%"
    text = "IdentityFile ~/.ssh/id\nIdentityFile ${KEYS}/id\nIdentityFile none\n"
    assert answer(tmp_path, text).key_files == ("/home/me/.ssh/id", "/keys/id")


def test_tokens_are_those_of_the_real_ssh(tmp_path: Path, server: Sshd) -> None:
    text = (
        f"HostName 127.10.0.1\nPort {server.port}\nUser somebody\nHostKeyAlias Other\n"
        f"UserKnownHostsFile {tmp_path}/none\nStrictHostKeyChecking no\nIdentityAgent none\nBatchMode yes\n"
        f"IdentityFile {tmp_path}/%h-%n-%p-%r-%u-%i-%k-%L-%l-%%\n"
    )
    (ours,) = config(tmp_path, text, None).answer("Web1").key_files
    ran = subprocess.run(
        ["ssh", "-v", "-F", tmp_path / "config", "Web1", "true"],
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    assert f"identity file {ours} type" in ran.stderr


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("ProxyJump bastion", "proxyjump is not supported"),
        ("ProxyCommand nc %h %p", "proxycommand is not supported"),
        ("CanonicalizeHostname yes", "canonicalizehostname is not supported"),
        ("IdentityFile /k/%C", "has the token %C"),
        ("HostName %p", "has the token %p"),
        ("IdentityFile ${NOWHERE}/k", "names the variable 'NOWHERE'"),
        ("Match exec true\n User root", "only ssh itself can tell"),
        ("Match final\n User root", "only ssh itself can tell"),
        ("Match host web1 exec true\n User root", "only ssh itself can tell"),
    ],
)
def test_what_is_refused_for_a_host_by_name_and_line(tmp_path: Path, line: str, problem: str) -> None:
    (mistake,) = answer(tmp_path, line).obstacles
    assert problem in mistake.problem
    assert mistake.place == f"{tmp_path}/config:1"


def test_what_does_not_concern_a_host_is_not_in_its_way(tmp_path: Path) -> None:
    text = (
        "Host db\n ProxyJump bastion\n"
        "Match host db exec false\n User root\n"
        "Match exec true\n ForwardAgent no\n"
        "Match !canonical\n Port 7\n"
    )
    found = answer(tmp_path, text)
    assert (found.obstacles, found.port) == ((), 7)


def test_what_distributions_put_into_match_final_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "crypto").write_text("Ciphers aes256-ctr\n")
    (tmp_path / "crypto").chmod(0o600)
    text = f"Match final all\n Include {tmp_path}/crypto\n GSSAPIAuthentication yes\n"
    assert not answer(tmp_path, text).obstacles
    (tmp_path / "crypto").write_text("Ciphers aes256-ctr\nUser root\n")
    assert answer(tmp_path, text).obstacles


def test_commands_are_never_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert answer(tmp_path, f'Match exec "touch {made}"\n User root\n').obstacles
    assert not made.exists()


def test_what_is_not_used_is_told(tmp_path: Path) -> None:
    found = answer(tmp_path, "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null /a\nIdentityAgent /a\n")
    assert [warning.split(": ")[1] for warning in found.warnings] == [
        "stricthostkeychecking is not used",
        "userknownhostsfile is not used",
        "identityagent is not used",
    ]
    assert "ssh.host_key_policy" in found.warnings[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\nPort 70000", "port must be from 1 to 65535"),
        ("\nIdentityFile", "identityfile needs a value"),
        ("\nHost", "Host needs a name or a pattern"),
        ("\nMatch nothing x", "Match has no criterion 'nothing'"),
        ("\nMatch host", "Match host needs a value"),
        ('\nMatch host ""', "Match host needs a value"),
        ("\n\ufeffHost web1", "no keyword"),
        ("\nMatch", "Match needs a criterion"),
        ("\nMatch all host a", "Match all cannot be combined"),
        ('\nUser "x', "quotation mark"),
        ("\nUser a b", "more than one value"),
        ("\nUser a\x1b[2Jb", "cannot be printed"),
        ("\nInclude", "Include needs a file"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(OperatorError) as error:
        answer(tmp_path, text)
    (mistake,) = error.value.mistakes
    assert mistake.place == f"{tmp_path}/config:2"
    assert problem in mistake.problem
    assert mistake.remedy


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Port 1\n")
    path.chmod(0o664)
    with pytest.raises(OperatorError, match=r"other accounts may write it \(chmod go-w"):
        load([path], LOCAL)


def test_include_is_bounded_and_finds_files_in_order(tmp_path: Path) -> None:
    for name in ("b.conf", "a.conf"):
        (tmp_path / name).write_text(f"IdentityFile /{name}\n")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "c.conf").mkdir()
    text = f"Host web1\nInclude {tmp_path}/*.conf {tmp_path}/missing\nHost *\nIdentityFile /last\n"
    assert answer(tmp_path, text).key_files == ("/a.conf", "/b.conf", "/last")
    assert answer(tmp_path, text, "db").key_files == ("/last",)
    with pytest.raises(OperatorError, match=f"more than {config_file.DEPTH} levels"):
        answer(tmp_path, f"Include {tmp_path}/config\n")


def test_include_from_the_folder_of_the_account(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "more").write_text("Port 9\n")
    (tmp_path / ".ssh" / "more").chmod(0o600)
    local = LocalSide("me", 1000, tmp_path, "desk")
    for text in ("Include more\n", "Include ~/.ssh/more\n"):
        assert config(tmp_path, text, local).answer("web1").port == 9


def test_limits_of_files(tmp_path: Path) -> None:
    assert answer(tmp_path, "#\n" * config_file.LINES).port is None
    with pytest.raises(OperatorError, match=f"more than {config_file.LINES} lines"):
        answer(tmp_path, "#\n" * (config_file.LINES + 1))
    longest = "#" * (config_file.FILE_BYTES - 8) + "\nPort 7\n"
    assert answer(tmp_path, longest).port == 7
    with pytest.raises(OperatorError, match=f"more than {config_file.FILE_BYTES} bytes"):
        answer(tmp_path, longest + "\n")


def test_many_hosts_are_found_by_their_names(tmp_path: Path) -> None:
    """A file that a tool has written for each host: sections of other hosts are not looked at."""
    text = (
        "".join(f"Host h{number}\n Port {number + 1}\n" for number in range(20_000)) + "Host *\n User all\n"
    )
    (tmp_path / "config").write_text(text)
    (tmp_path / "config").chmod(0o600)
    found = config(tmp_path, text)
    for number in (0, 9_999, 19_999):
        mine = found.answer(f"h{number}")
        assert (mine.port, mine.user) == (number + 1, "all")
    (file,) = found._files
    assert len(list(file.candidates("h7"))) == 3  # before the first Host, its own, and the last


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="is a folder"):
        load([tmp_path], LOCAL)
