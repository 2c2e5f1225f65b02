"""Inventories of every format and of several sources, against ansible-core."""

import json
from pathlib import Path

import pytest

from collector.inventory import ansible_config, ini_source, program, sources, templates
from collector.inventory.inventory import load
from collector.inventory.patterns import select
from collector.inventory.sources import Surroundings
from domain.mistakes import OperatorError
from tests.collector.inventory.agreement import agree
from tests.collector.inventory.ansible_oracle import ask_of_sources
from tests.waiting import eventually

INI = """
lone ansible_port=2201   # before the first section
[web]
web[01:03].example.org ansible_host="10.0.0.1" ansible_user="o'brien" comment="a # b"
10.0.0.9:2200 ansible_become=True
[web:vars]
ansible_user = sweep
ansible_become=yes
; ansible_port=1
[prod:children]
web
db
[db]
db[a:e:2] ansible_port=0x10
web02.example.org ansible_port='22'
[db:vars]
ansible_group_priority=5
ansible_user=1234
ansible_host=None
mapsweep_labels={'owner': 'payments', 'zone': 'eu-1'}
[empty]
[ungrouped:vars]
ansible_user=none
[all:vars]
ansible_ssh_private_key_file=/keys/id
"""
YAML = """
all:
  vars: {ansible_port: 9}
  children:
    web: {vars: {ansible_user: yaml}, hosts: {web01.example.org: {ansible_port: 77}, extra: }}
    late: {children: {db: }}
"""
PROGRAM = """#!/bin/sh
cat <<END
{"web": {"hosts": ["web03.example.org", "made[1:2]"],
         "vars": {"ansible_user": "script"}, "children": ["below"]},
 "below": ["b1", "b2"], "ungrouped": {"hosts": ["u1"]}, "alone": {"ansible_port": 7},
 "_meta": {"hostvars": {"b1": {"ansible_host": "10.1.1.1", "ansible_become": true}, "nobody": {"x": 1}}}}
END
"""
ASKED = """#!/bin/sh
case $1 in
--list) echo '{"web": {"hosts": ["h1", "h2"]}}' ;;
--host) test "$2" = h1 && echo '{"ansible_port": 2222}' ;;
esac
exit 0
"""
RUNS = Surroundings(runs_programs=True)


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def said(given: Path | str | list[Path | str], around: Surroundings | None = None) -> str:
    with pytest.raises(OperatorError) as caught:
        load(given, around)
    return "\n".join(map(str, caught.value.mistakes))


@pytest.mark.parametrize("name", ["hosts", "hosts.ini", "hosts.yml", "hosts.example"])
def test_ini_means_what_ansible_means(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, INI)
    ours = load(path)
    assert ours.hosts["web01.example.org"].user == "o'brien"
    assert ours.hosts["dba"].port == 16
    agree(ours, ask_of_sources([path], tmp_path, tmp_path / "scratch"))


@pytest.mark.parametrize("order", ["iypl", "piyl", "yipl", "lpyi", "d", "di", "id"])
def test_several_sources_are_merged_as_ansible_merges_them(tmp_path: Path, order: str) -> None:
    files: dict[str, Path | str] = {
        "i": write(tmp_path / "one/hosts", INI),
        "y": write(tmp_path / "two/more.yaml", YAML),
        "p": write(tmp_path / "three/program", PROGRAM, 0o755),
        "l": "lone:1,solo:2222, 10.0.0.9,web[1:2]",
        "d": tmp_path / "folder",
    }
    write(tmp_path / "folder/b-hosts.ini", "[web]\nweb03.example.org ansible_port=3\n[below:children]\nweb\n")
    write(tmp_path / "folder/a.yaml", YAML)
    write(tmp_path / "folder/c/deep", "[web:vars]\nansible_user=deep\n[web]\ndeep1\n")
    write(tmp_path / "folder/notes.txt", "not an inventory")
    write(tmp_path / "folder/.hidden", "no = [inventory")
    for folder, user in (("one", "of-one"), ("two", "of-two"), ("folder", "of-folder")):
        write(tmp_path / folder / "group_vars/db.yml", f"ansible_user: {user}\n")
        write(tmp_path / folder / "group_vars/prod", f"ansible_user: {user}-prod\nansible_port: 5\n")
    write(tmp_path / "two/host_vars/dba.json", '{"ansible_port": 11}')
    write(
        tmp_path / "play/group_vars/all/x.yml", "ansible_ssh_private_key_file: /play/key\nansible_port: 8\n"
    )
    write(tmp_path / "play/host_vars/lone", "ansible_user: play\n")
    given = [files[letter] for letter in order]
    ours = load(given, Surroundings(play_folder=tmp_path / "play", runs_programs=True))
    agree(ours, ask_of_sources(given, tmp_path / "play", tmp_path / "scratch"))


def test_a_program_is_asked_for_each_host_without_meta(tmp_path: Path) -> None:
    path = write(tmp_path / "program", ASKED, 0o755)
    ours = load(path, RUNS)
    assert [host.port for host in ours.hosts.values()] == [2222, 22]
    agree(ours, ask_of_sources([path], tmp_path, tmp_path / "scratch"))


def test_no_program_is_run_unless_it_is_allowed(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = write(tmp_path / "folder/program", f"#!/bin/sh\ntouch {mark}\n", 0o755)
    assert "is a program; one is run only for a command that names it" in said(path)
    assert "is a program; one is run only" in said(path.parent)
    assert not mark.exists()
    path.chmod(0o644)
    assert f"chmod +x {path}" in said(path, RUNS)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo oops >&2; exit 3", "program --list: failed with exit code 3 (it said: oops)"),
        ("printf '\\033[2J' >&2; exit 1", "it said: ?[2J"),
        ("echo '{'", "its output is not JSON"),
        ("echo '[]'", "its output must be a JSON object"),
        ("echo '{\"_meta\": {}}'", "_meta.hostvars: must be an object of hosts"),
        ('echo \'{"a": {"hosts": [1]}, "_meta": {"hostvars": {}}}\'', "a.hosts: must be a list of names"),
        ('echo \'{"a": {"vars": []}, "_meta": {"hostvars": {}}}\'', "a.vars: must be an object of variables"),
        (
            'echo \'{"a": {"hosts": ["h"], "vars": {"ansible_port": "x"}}, "_meta": {"hostvars": {}}}\'',
            "program: a.vars.ansible_port: must be a port",
        ),
    ],
)
def test_a_program_that_fails_is_named_with_what_it_said(tmp_path: Path, script: str, problem: str) -> None:
    assert problem in said(write(tmp_path / "program", f"#!/bin/sh\n{script}\n", 0o755), RUNS)


def test_a_program_ends_at_its_limits_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "DEADLINE_S", 0.5)
    slow = write(tmp_path / "slow", f"#!/bin/sh\nsleep 60 & echo $! > {tmp_path}/pid; wait\n", 0o755)
    assert "did not end within" in said(slow, RUNS)
    child = Path("/proc") / (tmp_path / "pid").read_text().strip() / "stat"
    eventually(lambda: not child.exists() or child.read_text().split(")")[1].split()[0] == "Z")
    monkeypatch.setattr(program, "DEADLINE_S", 60.0)
    text = json.dumps({"a": ["h"], "_meta": {"hostvars": {}}})
    path = write(tmp_path / "exact", f"#!/bin/sh\nprintf %s '{text}'\n", 0o755)
    monkeypatch.setattr(program, "OUTPUT_BYTES_MAX", len(text))
    assert list(load(path, RUNS).hosts) == ["h"]
    monkeypatch.setattr(program, "OUTPUT_BYTES_MAX", len(text) - 1)
    assert f"wrote more than {len(text) - 1} bytes" in said(path, RUNS)


def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    plugin = write(tmp_path / "aws.yml", "regions: [eu]\nplugin: amazon.aws.aws_ec2\n")
    assert said(plugin) == (
        "aws.yml: plugin, line 2: is the configuration of the inventory plugin 'amazon.aws.aws_ec2', not an"
        f" inventory (convert it with: ansible-inventory -i {plugin} --list --yaml > hosts.yaml)"
    )
    vault = write(tmp_path / "hosts", "$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    assert "is encrypted with ansible-vault" in said(vault)
    assert "has no inventory in it" in said(write(tmp_path / "none/README.md", "").parent)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[web]\nweb1 port\n", "hosts.ini: line 2: 'port' must be name=value"),
        ("[web]\nweb1 a='b\n", "hosts.ini: line 2: cannot be split into words"),
        ("[web:hots]\n", "line 1: [web:hots] is not a kind of section"),
        ("[a b]\n", "line 1: is not a section"),
        ("[web:vars]\nx=1\n", "hosts.ini: web, line 1: has variables, but there is no such group"),
        ("[a:children]\nb\n", "hosts.ini: b, line 2: is a child, but there is no such group"),
        ("[web]\n[web:vars]\nport\n", "line 3: must be name=value in [web:vars]"),
        ("[web]\nweb[3:1]\n", "hosts.ini: web[3:1], line 2: [3:1] runs backwards"),
        ("# none\nweb1 ansible_port=high\n", "web1.ansible_port, line 2: must be a port"),
        (
            "[web]\n[web:vars]\nansible_become=maybe\n",
            "web.vars.ansible_become, line 3: must be true or false",
        ),
        ("[a:children]\nb\n[b:children]\na\n", "the groups b and a would contain each other"),
    ],
)
def test_mistakes_in_ini_have_their_line(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in said(write(tmp_path / "hosts.ini", text))
    assert problem.removeprefix("hosts.ini: ") in said(write(tmp_path / "hosts", text))


TEMPLATES = """
all:
  vars:
    domain: example.org
    account: "{{ team | default('ops') }}"
    ansible_user: "{{ account }}"
    ansible_port: "{{ ports | d(2200) }}"
    loop: "{{ loop }}"
    secret: !vault x
  hosts:
    plain: {ansible_host: "{{ inventory_hostname }}.{{ domain }}"}
    named: {team: web, ports: 22, ansible_become: "{{ True }}"}
    other:
      ansible_host: "{{ hostvars['named'].team }}-{{ hostvars[inventory_hostname]['x'] | default('y') }}"
    keyed: {ansible_ssh_private_key_file: "{{ inventory_dir }}/keys/id"}
    filter: {ansible_host: "{{ domain | upper }}"}
    looked: {ansible_host: "{{ lookup('pipe', 'id') }}"}
    absent: {ansible_host: "{{ nowhere }}"}
    looping: {ansible_host: "{{ loop }}"}
    vaulted: {ansible_host: "{{ secret }}"}
    statement: {ansible_host: "{% if x %}a{% endif %}"}
    wrong: {ansible_host: "{{ domain }} x"}
    password: {ansible_password: x, ansible_user: "{{ ansible_password }}"}
"""


def test_templates_that_only_name_variables_are_resolved(tmp_path: Path) -> None:
    ours = load(write(tmp_path / "hosts.yaml", TEMPLATES))
    hosts = ours.hosts
    assert (hosts["plain"].address, hosts["plain"].user, hosts["plain"].port) == (
        *("plain.example.org", "ops"),
        2200,
    )
    assert (hosts["named"].user, hosts["named"].port, hosts["named"].become) == ("web", 22, True)
    assert hosts["other"].address == "web-y"
    assert hosts["keyed"].key_file == f"{tmp_path}/keys/id"
    problems = {
        "filter": "uses the filter upper, which is not evaluated",
        "looked": "uses the function lookup",
        "absent": "names nowhere, which the inventory does not define",
        "looping": "names itself, or templates that are nested too deep",
        "vaulted": "names secret, which is encrypted with ansible-vault",
        "statement": "has a statement",
        "wrong": "its value must be a host name or an address",
        "password": "names the secret ansible_password",
    }
    assert set(ours.obstacles) == set(problems)
    for name, problem in problems.items():
        assert any(problem in str(each) for each in ours.obstacles[name]), ours.obstacles[name]
        with pytest.raises(OperatorError, match="write the value itself"):
            select(ours, name)
    assert len(select(ours, "plain,named,other,keyed")) == 4


CONFIG = """[defaults]
inventory = hosts, more/
remote_user = deploy ; of the fleet
private_key_file = /keys/fleet
host_key_checking = False
[privilege_escalation]
become = True
become_user = root
"""


def test_ansible_cfg_stands_in_for_what_the_inventory_does_not_say(tmp_path: Path) -> None:
    write(tmp_path / "ansible.cfg", CONFIG)
    path = write(tmp_path / "hosts", "a\nb ansible_user=bob ansible_become=no\n")
    config = ansible_config.find({}, tmp_path)
    assert config.inventory == (str(path), str(tmp_path / "more"))
    ours = load(path, Surroundings(config))
    assert [(host.user, host.key_file, host.become) for host in ours.hosts.values()] == [
        ("deploy", "/keys/fleet", True),
        ("bob", "/keys/fleet", False),
    ]
    assert [str(place) for place in (ours.origins("a")["user"], ours.origins("b")["user"])] == [
        f"{tmp_path}/ansible.cfg: defaults.remote_user, line 3",
        "hosts: b.ansible_user, line 2",
    ]
    assert ours.origins("a")["port"] is None
    assert any("the setting host_key_policy decides" in each for each in ours.warnings)


def test_ansible_cfg_is_found_as_ansible_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert ansible_config.find({}, tmp_path) == ansible_config.AnsibleConfig()
    write(tmp_path / "home/.ansible.cfg", "[defaults]\nremote_user=home\n")
    write(tmp_path / "work/ansible.cfg", "[defaults]\nremote_user=work\n")
    named = write(tmp_path / "named.cfg", "[defaults]\nremote_user=named\n")

    def user(environment: dict[str, str]) -> object:
        return ansible_config.find(environment, tmp_path / "work").variables["ansible_user"].value

    assert user({}) == "work"
    assert user({"ANSIBLE_CONFIG": str(named)}) == "named"
    (tmp_path / "work").chmod(0o777)
    assert user({}) == "home"
    assert "everybody may write" in ansible_config.find({}, tmp_path / "work").warnings[0]
    write(tmp_path / "home/.ansible.cfg", "[defaults]\nremote_port=high\n")
    with pytest.raises(OperatorError, match=r"\.ansible\.cfg: defaults\.remote_port, line 2: must be a port"):
        ansible_config.find({}, tmp_path)


def test_a_flag_in_ansible_cfg_that_is_none_is_false_as_in_ansible(tmp_path: Path) -> None:
    text = "[defaults]\nhost_key_checking = False # a comment\n[privilege_escalation]\nbecome = True # too\n"
    config = ansible_config.read(write(tmp_path / "ansible.cfg", text))
    assert config.variables["ansible_become"].value is False
    assert [each.rpartition("/")[2] for each in config.warnings] == [
        f"ansible.cfg: {key}, line {line}: {value!r} is read as false, as Ansible does;"
        " write True or False, and ';' before a comment"
        for key, line, value in (
            ("privilege_escalation.become", 4, "True # too"),
            ("defaults.host_key_checking", 2, "False # a comment"),
        )
    ]


def test_a_proxy_in_ansible_cfg_is_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "ansible.cfg", "[ssh_connection]\nssh_args = -C -o ProxyJump=bastion\n")
    ours = load(write(tmp_path / "hosts", "a\n"), Surroundings(ansible_config.find({}, tmp_path)))
    with pytest.raises(OperatorError, match="-o ProxyJump=bastion are not supported"):
        select(ours, "a")


def test_a_path_that_cannot_be_one_is_named() -> None:
    assert "cannot be read: File name too long (let this account read it" in said("x" * 300)
    hosts = [f"web{number}.example.org" for number in range(300)]
    assert list(load(",".join(hosts)).hosts) == hosts


def test_sources_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a", "h1\n")
    write(tmp_path / "b", "h2\n")
    monkeypatch.setattr(sources, "SOURCES_MAX", 2)
    assert list(load(tmp_path).hosts) == ["h1", "h2"]
    monkeypatch.setattr(sources, "SOURCES_MAX", 1)
    assert "is one more than 1 sources" in said(tmp_path)


def test_ini_at_its_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "hosts.ini", "h1\nh2 ansible_user='abc'\n")
    monkeypatch.setattr(ini_source, "LINES_MAX", 2)
    monkeypatch.setattr(ini_source, "LINE_CHARS_MAX", len("h2 ansible_user='abc'"))
    monkeypatch.setattr(ini_source, "LITERAL_CHARS_MAX", 3)
    assert load(path).hosts["h2"].user == "abc"
    write(path, "h1\nh2 ansible_user='abcd'\nh3\n")
    assert said(path) == "hosts.ini: line 3: has more than 2 lines (split it)"
    write(path, "h1\nh2 ansible_user='abcd'\n")
    assert said(path) == "hosts.ini: line 2: is longer than 21 characters (split the line)"


def test_templates_at_their_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = "(" * (templates.NESTED_MAX - 1) + "inventory_hostname" + ")" * (templates.NESTED_MAX - 1)
    longest = "{{ x | d('" + "y" * 20 + "') }}"
    monkeypatch.setattr(templates, "TEMPLATE_CHARS_MAX", max(len(longest), len(deep) + 10))
    text = {
        "deep": {"ansible_host": f"{{{{ {deep} }}}}"},
        "deeper": {"ansible_host": f"{{{{ ({deep}) }}}}"},
        "long": {"ansible_host": longest},
        "longer": {"ansible_host": "y" * templates.TEMPLATE_CHARS_MAX + "{{ inventory_hostname }}"},
    }
    ours = load(write(tmp_path / "hosts.json", json.dumps({"all": {"hosts": text}})))
    assert (ours.hosts["deep"].address, ours.hosts["long"].address) == ("deep", "y" * 20)
    assert set(ours.obstacles) == {"deeper", "longer"}
    assert "is nested too deep" in str(ours.obstacles["deeper"][0])
    assert "is longer than" in str(ours.obstacles["longer"][0])


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (r"{{ 'a\x' }}", "has the text"),
        (r"{{ '\N{no such name}' }}", "has the text"),
        (r"{{ '\ud800' }}", "has the text"),
        ("{{ 'a\nb' }}", "has the text"),
        ("{{ 'a\0b' }}", "has the text"),
        (r"{{ hostvars['h']['\x'] }}", "has the text"),
        ("{{ absent" + "|d" * 2_000 + " }}", "is nested too deep"),
    ],
)
def test_a_template_that_no_library_can_read_is_the_obstacle_of_its_host(
    tmp_path: Path, template: str, problem: str
) -> None:
    """The library that reads quoted texts has errors of its own, and calls within calls have an end."""
    hosts = {"odd": {"ansible_user": template}, "sound": {"ansible_user": "{{ absent | d('a') | d }}"}}
    ours = load(write(tmp_path / "hosts.json", json.dumps({"all": {"hosts": hosts}})))
    assert set(ours.obstacles) == {"odd"}
    assert problem in str(ours.obstacles["odd"][0])
    assert ours.hosts["sound"].user == "a"


def test_folders_programs_and_ansible_cfg_at_their_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "one/two/hosts", "h1\n")
    monkeypatch.setattr(sources, "FOLDER_DEPTH_MAX", 2)
    assert list(load(tmp_path / "one").hosts) == ["h1"]
    monkeypatch.setattr(sources, "FOLDER_DEPTH_MAX", 1)
    assert "is more than 1 folders deep" in said(tmp_path / "one")

    path = write(tmp_path / "program", ASKED, 0o755)
    monkeypatch.setattr(program, "HOSTS_ASKED_MAX", 2)
    assert len(load(path, RUNS).hosts) == 2
    monkeypatch.setattr(program, "HOSTS_ASKED_MAX", 1)
    assert "gives no _meta.hostvars for 2 hosts; 1 are the most" in said(path, RUNS)

    config = write(tmp_path / "ansible.cfg", CONFIG)
    monkeypatch.setattr(ansible_config, "FILE_BYTES_MAX", len(CONFIG))
    assert ansible_config.read(config).path == config
    monkeypatch.setattr(ansible_config, "FILE_BYTES_MAX", len(CONFIG) - 1)
    with pytest.raises(OperatorError, match="is larger than"):
        ansible_config.read(config)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ansible_prot", "ansible_port"),
        ("ansible_hosst", "ansible_host"),
        ("ansble_user", "ansible_user"),
        ("ansible_becone", "ansible_become"),
        ("Ansible_host", "ansible_host"),
        ("mapsweep_lables", "mapsweep_labels"),
        *((name, "") for name in ("ansible_python_interpreter", "ansible_su_user", "ansible_scp_extra_args")),
        *((name, "") for name in ("http_port", "x", "ansible_host_ip")),
    ],
)
@pytest.mark.parametrize("form", ["ini", "yaml"])
def test_a_misspelt_variable_is_told_once_with_what_was_meant(
    tmp_path: Path, name: str, meant: str, form: str
) -> None:
    path = tmp_path / f"hosts.{form}"
    if form == "ini":
        path.write_text(f"web1 {name}=7\nweb2 {name}=7\n")
    else:
        path.write_text(json.dumps({"all": {"hosts": {host: {name: 7} for host in ("web1", "web2")}}}))
    place = f"{path.name}: web1, line 1" if form == "ini" else f"{path.name}: all.hosts.web1, line 1"
    told = (f"{place}: {name} is not read; did you mean {meant}?",) if meant else ()
    assert load(path).warnings == told


@pytest.mark.parametrize("name", ["hosts", "hosts.ini"])
@pytest.mark.parametrize("text", ["[web]\nw1\n", "w1 ansible_port=22\n", "# all\n[web]\nw1\n"])
def test_a_byte_order_mark_in_ini_is_no_part_of_a_name(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8-sig")
    answer = ask_of_sources([path], tmp_path, tmp_path / "scratch")
    # Ansible refuses it, or takes the mark for a part of the first name
    assert answer.error or any(host.startswith("\ufeff") for host in answer.hosts)
    assert said(path) == (
        f"{name}: line 1: begins with a byte order mark, which Ansible does not skip in INI either"
        " (save the file as UTF-8 without one)"
    )


def test_a_byte_order_mark_in_yaml_is_skipped_as_in_ansible(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text("web: {hosts: {w1: }}\n", encoding="utf-8-sig")
    assert [*load(path).hosts] == [*ask_of_sources([path], tmp_path, tmp_path / "scratch").hosts] == ["w1"]
    path.write_text("web: {hosts: {w1: }\n", encoding="utf-8-sig")
    assert "is not YAML" in said(path)


@pytest.mark.parametrize(
    ("source", "is_host"),
    [("web01", True), ("web01.example.org", True), ("10.0.0.1", True), ("fleet.ini", False), ("a b", False)],
)
def test_a_host_in_place_of_a_file_is_told_the_comma(tmp_path: Path, source: str, is_host: bool) -> None:
    told = said(tmp_path / source)
    assert "cannot be read: No such file or directory" in told
    assert (f"a host in place of a file is named with a comma: -i {source}," in told) == is_host


@pytest.mark.parametrize("text", ["web:\n  - w1\n", "all: [w1]\n", "[web]\n"])
def test_an_inventory_without_hosts_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hosts.yml"
    path.write_text(text)
    inventory = load(path)
    with pytest.raises(OperatorError, match=r"hosts\.yml: has no hosts"):
        select(inventory, "all")
    told = "is not a group's definition and was skipped; its hosts are keys below `hosts:`"
    assert [told in each for each in inventory.warnings] == ([] if text.startswith("[") else [True])


BESIDE = {  # files that lie in folders of inventories and are none
    "README": "How to use this.\n\n[web] is the group of the web servers.\n",
    "id_rsa": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END OPENSSH PRIVATE KEY-----\n",
    "plan.py": "import sys\n\nprint(sys.path)\n",
    "site.yml": "- hosts: all\n  vars: {ansible_user: deploy}\n",
    "kube.conf": "apiVersion: v1\nkind: Config\n",
}


def test_what_lies_beside_the_inventories_of_a_folder_is_passed_over(tmp_path: Path) -> None:
    folder = write(tmp_path / "inv/hosts", "[web]\nw1\n").parent
    write(folder / "empty", "")
    write(folder / "later.yml", "# filled later\n")
    agree(load(folder), ask_of_sources([folder], tmp_path / "play", tmp_path / "scratch"))
    assert load(folder).warnings == ()
    for name, text in BESIDE.items():
        write(folder / name, text)
    (folder / "store.db").write_bytes(b"two words\0\xff\n")
    inventory = load(folder)
    assert list(inventory.hosts) == ["w1"]
    assert inventory.warnings == tuple(
        f"inv/{name}: is not an inventory, and was passed over" for name in sorted((*BESIDE, "store.db"))
    )
    for name in BESIDE:  # what is named itself must be one
        assert f"{name}: " in said(folder / name)


@pytest.mark.parametrize(
    "text",
    [
        "w1 w2\n[web]\nw3\n",
        "[web servers]\nw1\n",
        "w1 w2 ansible_user=u\n",
        "all:\n  hosts:\n w1:\n",
        "\ufeffw1\nw2\n",
        "w1\nw2 w3\n",
        "plugin: constructed\n",
    ],
)
def test_an_inventory_with_a_mistake_is_not_passed_over(tmp_path: Path, text: str) -> None:
    write(tmp_path / "inv/good", "[web]\nw9\n")
    write(tmp_path / "inv/wrong", text)
    assert "inv/wrong: " in said(tmp_path / "inv")


def test_files_that_are_all_empty_are_named(tmp_path: Path) -> None:
    for name in ("a", "b.yml"):
        write(tmp_path / "inv" / name, "# none\n")
    assert said(tmp_path / "inv").splitlines() == [
        f"inv/{name}: is empty (name at least one group with hosts)" for name in ("a", "b.yml")
    ]
    assert list(load([tmp_path / "inv/a", write(tmp_path / "hosts", "w1\n")]).hosts) == ["w1"]


def test_a_link_that_leads_nowhere_is_no_host(tmp_path: Path) -> None:
    write(tmp_path / "inv/hosts", "w1\n")
    (tmp_path / "inv/gone").symlink_to(tmp_path / "nothing")
    assert said(tmp_path / "inv") == (
        f"inv/gone: cannot be read: No such file or directory ({tmp_path / 'inv/gone'})"
    )


def test_true_in_ini_is_text_where_text_is_wanted(tmp_path: Path) -> None:
    text = "[web]\nw1 ansible_user=True ansible_become=True\nw2\n[web:vars]\nansible_user=False\n"
    path = write(tmp_path / "hosts", text)
    inventory = load(path)
    assert [inventory.hosts[name].user for name in ("w1", "w2")] == ["True", "False"]
    agree(inventory, ask_of_sources([path], tmp_path, tmp_path / "scratch"))


def test_this_machine_needs_no_address(tmp_path: Path) -> None:
    text = "all: {vars: {ansible_host: '{{ addresses[0] }}', ansible_port: '{{ p }}'}, hosts: {w1: }}\n"
    inventory = load(write(tmp_path / "hosts.yml", text))
    assert [*inventory.obstacles] == ["w1"]
    assert inventory.localhost.address == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("w1, w2\n", "one host a line, without '-' and ','"),
        ("- w1\n", "one host a line, without '-' and ','"),
        ("w1 ; the first\n", "a comment behind a host begins with #"),
        ("w1 ansible_user = u\n", "no blanks around ="),
        ("w1: ansible_user=u\n", "leave ':' out; or, if this is YAML, call the file hosts.yaml"),
        ("[web]\nw1\n[web:vars]\nansible_user: u\n", "write = in place of :"),
        ("[web]\nw1\n[top:children]\nweb x=1\n", "the variables of a group belong below [name:vars]"),
        ("[web]\nw1\n[top:children]\nw1\n", "it is a host: name it below [top]"),
        ("[a:children]\nb\n[b:children]\na\n", "take a out of the children of b"),
        ("[a:children]\nungrouped\n", "name its hosts in a group of their own"),
    ],
)
def test_a_mistake_says_what_to_write_instead(tmp_path: Path, text: str, remedy: str) -> None:
    assert remedy in said(write(tmp_path / "hosts.ini", text))


def test_a_template_without_quotation_marks_is_told_them(tmp_path: Path) -> None:
    write(tmp_path / "group_vars/all.yml", "ansible_user: {{ name }}\n")
    told = said(write(tmp_path / "hosts", "w1\n"))
    assert told.startswith("group_vars/all.yml: line 1: ")
    assert told.endswith("(put a template in quotation marks)")


def test_paths_in_ansible_cfg_are_those_of_ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to the file; with ~, $NAME and {{CWD}}. `ansible-config dump` says the same."""
    monkeypatch.setenv("FLEET", str(tmp_path / "fleet"))
    monkeypatch.chdir(tmp_path)
    text = "[defaults]\ninventory = a, ~/b,$FLEET/c,{{CWD}}/d,${FLEET}x/e\nprivate_key_file = keys/id\n"
    config = ansible_config.read(write(tmp_path / "etc/ansible.cfg", text))
    home = Path("~").expanduser()
    assert config.inventory == tuple(
        map(
            str, (tmp_path / "etc/a", home / "b", tmp_path / "fleet/c", tmp_path / "d", tmp_path / "fleetx/e")
        )
    )
    assert config.variables["ansible_private_key_file"].value == str(tmp_path / "etc/keys/id")
