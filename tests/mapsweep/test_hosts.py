"""mapsweep hosts: inventories as people have them, and where each value is from."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.mistakes import OperatorError
from mapsweep import inventory_names
from mapsweep.settings.for_workers import worker_settings
from mapsweep.settings.settings import load
from tests.mapsweep.conftest import Here
from workers.fleet.starts import manifest_of
from workers.life.schedules import Schedule


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: Here) -> Path:
    """An empty working directory, and a home of its own."""
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ANSIBLE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_several_inventories_are_merged(work: Path, here: Here) -> None:
    write(work / "a.ini", "[web]\nw1\nw2\n")
    write(work / "b.yaml", "web: {hosts: {w2: , w3: }}\n")
    ended = here("hosts", "-i", "a.ini", "-i", "b.yaml", "-i", "solo,", "web", "solo")
    assert (ended.code, ended.out) == (0, "w1\nw2\nw3\nsolo\n")
    write(work / "settings.yaml", f"inventory: [{work}/b.yaml, {work}/a.ini]\n")
    assert here("hosts", "--config", "settings.yaml").out == "w2\nw3\nw1\n"


def test_the_origin_of_each_value(work: Path, here: Here) -> None:
    write(work / "ansible.cfg", "[defaults]\ninventory = hosts\nremote_user = deploy\n")
    write(work / "hosts", "[web]\nw1 ansible_host=10.0.0.1\n\n[web:vars]\nansible_become=yes\n")
    write(work / "group_vars/web.yml", "---\nansible_port: 2222\n")
    assert here("hosts", "w1", "--origin").out.splitlines() == [
        "w1  address = 10.0.0.1  hosts: w1.ansible_host, line 2",
        "w1  port = 2222  group_vars/web.yml: ansible_port, line 2",
        f"w1  user = deploy  {work}/ansible.cfg: defaults.remote_user, line 3",
        "w1  become = true  hosts: web.vars.ansible_become, line 5",
        "w1  connection = ssh  (default)",
    ]
    rows = json.loads(here("hosts", "w1", "--origin", "--json").out)["origins"]
    assert {row["field"]: row["origin"] for row in rows}["key_file"] is None
    work.chmod(0o777)  # whoever may write here must not decide as whom a sweep logs in
    ended = here("hosts", "-i", "hosts", "w1", "--origin")
    assert "w1  user" not in ended.out
    assert "ansible.cfg: not read, because everybody may write into its folder" in ended.err
    (work / "hosts").rename(work.parent / "hosts")  # or else the variables are beside it
    ended = here("hosts", "-i", work.parent / "hosts", "w1", "--origin")
    assert "w1  port = 22  (default)" in ended.out
    assert f"{work}/group_vars: not read, because everybody may write into its folder" in ended.err


def test_a_hostile_name_is_inert_in_the_origins(work: Path, here: Here) -> None:
    path = write(work / "hosts", "w1 ansible_user='\u202eevil'\n")
    ended = here("hosts", "-i", path, "--origin")
    assert "\u202e" not in ended.out + ended.err


def test_a_program_is_run_only_for_a_command_that_names_it(work: Path, here: Here) -> None:
    mark = work / "ran"
    answer = '{"web": ["w1"], "_meta": {"hostvars": {}}}'
    path = write(work / "program", f"#!/bin/sh\ntouch {mark}\necho '{answer}'\n", 0o755)
    assert here("hosts", "-i", path).out == "w1\n"
    assert mark.exists()
    mark.unlink()

    write(work / "ansible.cfg", "[defaults]\ninventory = program\n")  # a clone of somebody's repository
    ended = here("hosts")
    assert (ended.code, ended.out) == (2, "")
    assert "is a program; one is run only for a command that names it" in ended.err

    with pytest.raises(OperatorError, match="is a program"):
        inventory_names.of_sources([str(path)], {})
    workers = worker_settings(load(None, {}, {"inventory": [str(path)]}), {}, ("report",))
    schedule = Schedule(name="nightly", hosts="all", crontab="0 2 * * *")
    with pytest.raises(OperatorError, match="is a program"):
        manifest_of(schedule, datetime(2026, 11, 29, 2, tzinfo=UTC), workers)
    assert not mark.exists()


def test_names_cannot_turn_the_lines_of_a_terminal(work: Path, here: Here) -> None:
    names = "\u202egnp.exe", "a\u2028b", "\u2066x"
    write(work / "fleet.yaml", json.dumps({"all": {"hosts": dict.fromkeys(names)}}))
    for command in (("hosts",), ("collect", "--list-hosts")):
        ended = here(*command, "-i", "fleet.yaml")
        assert ended.code == 0
        assert len(ended.out.splitlines()) == len(names)
        assert all(each.isprintable() for each in ended.out.splitlines())
        assert here(*command, "-i", "fleet.yaml", "--json").out.isascii()


@pytest.mark.parametrize("name", ["fleet.yaml", "fleet.ini", "group_vars/all.yaml", "ansible.cfg"])
def test_what_everybody_may_write_is_not_read(work: Path, here: Here, name: str) -> None:
    write(work / "fleet.yaml", "web: {hosts: {w1: }}\n")
    write(work / "fleet.ini", "[web]\nw1\n")
    write(work / "group_vars/all.yaml", "ansible_user: me\n")
    write(work / "ansible.cfg", "[defaults]\nremote_user = me\n")
    source = name if name.startswith("fleet") else "fleet.yaml"
    assert here("hosts", "-i", source).code == 0
    (work / name).chmod(0o666)
    ended = here("hosts", "-i", source)
    assert ended.code == 2
    told = " ".join(ended.err.split())
    assert "every account of this machine may write it" in told
    assert "chmod o-w" in told


def test_hosts_that_cannot_be_swept_are_listed_and_explained(
    work: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(work / "ssh_config", "Host db01\n  ProxyJump bastion\n")
    monkeypatch.setenv("MAPSWEEP_CONFIG", "settings.yaml")
    write(work / "settings.yaml", f"ssh: {{config: [{work}/ssh_config]}}\n")
    write(work / "sweep.ini", "[web]\nw1\nw2\n[db]\ndb01\n[win]\nx1 ansible_connection=winrm\n")
    ended = here("hosts", "-i", "sweep.ini")
    assert (ended.code, ended.out) == (0, "w1\nw2\ndb01\nx1\n")
    told = " ".join(ended.err.split())
    assert "ssh_config:2: proxyjump is not supported; it concerns db01 (run mapsweep on the jump host" in told
    assert "the connection 'winrm' is not supported; it concerns x1" in told
    assert "docs/ssh.md" in told

    rows = json.loads(here("hosts", "-i", "sweep.ini", "--json").out)["hosts"]
    problems = {row["name"]: [each["problem"] for each in row["obstacles"]] for row in rows}
    winrm = "the connection 'winrm' is not supported"
    assert problems == {"w1": [], "w2": [], "db01": ["proxyjump is not supported"], "x1": [winrm]}
    ended = here("hosts", "-i", "sweep.ini", "--origin", "db01")
    assert (ended.code, ended.out) == (
        0,
        "db01  address = db01  (default)\ndb01  port = 22  (default)\ndb01  connection = ssh  (default)\n",
    )
    assert "proxyjump is not supported" in ended.err
    (row,) = json.loads(here("hosts", "-i", "sweep.ini", "--origin", "--json", "db01").out)["obstacles"]
    assert (row["host"], row["place"]) == ("db01", f"{work}/ssh_config:2")

    for more in ((), ("--list-hosts",)):  # a sweep refuses them, and says how to leave them out
        ended = here("collect", "-i", "sweep.ini", *more)
        assert (ended.code, ended.out) == (2, "")
        assert "2 of 4 hosts cannot be swept" in ended.err
        assert "--hosts 'all,!db01,!x1'" in ended.err
    assert here("collect", "-i", "sweep.ini", "--list-hosts", "--hosts", "all,!db01,!x1").out == "w1\nw2\n"


@pytest.mark.parametrize(
    "variable",
    [
        "ansible_ssh_common_args='-J bastion'",
        "ansible_ssh_common_args='-o ProxyJump=bastion'",
        "ansible_ssh_args='-oProxyCommand=\"ssh -W %h:%p b\"'",
        "ansible_paramiko_proxy_command=nc",
    ],
)
def test_a_jump_host_of_the_inventory_has_the_same_remedy(work: Path, here: Here, variable: str) -> None:
    write(work / "sweep.ini", f"[web]\nw1 {variable}\n")
    told = " ".join(here("hosts", "-i", "sweep.ini").err.split())
    assert "run mapsweep on the jump host, or give an address that this machine reaches" in told
    assert "see docs/ssh.md" in told
