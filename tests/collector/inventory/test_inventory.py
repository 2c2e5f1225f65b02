"""The inventory, against ansible-core where it has a say."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collector.inventory import host_range
from collector.inventory.inventory import load
from collector.inventory.patterns import select
from domain.mistakes import OperatorError
from domain.records import Connection, Host
from tests.collector.inventory.agreement import agree
from tests.collector.inventory.ansible_oracle import ask

EXAMPLE = """
all:
  vars:
    ansible_user: sweep
  hosts:
    lone:
  children:
    prod:
      children:
        web:
          hosts:
            web[01:03].example.org:
              ansible_port: 2222
          vars: {ansible_port: 22, ansible_become: yes}
        db:
          hosts:
            db[a:e:2]:
            10.0.0.9:2200: {ansible_host: db9.example.org}
    eu: {hosts: {web02.example.org: }}
"""


def write(folder: Path, text: str, name: str = "inventory.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def mistakes(path: Path) -> list[str]:
    with pytest.raises(OperatorError) as caught:
        load(path)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_example(tmp_path: Path) -> None:
    inventory = load(write(tmp_path, EXAMPLE))
    assert list(inventory.hosts) == [
        "lone", "web01.example.org", "web02.example.org", "web03.example.org",
        "dba", "dbc", "dbe", "10.0.0.9",
    ]  # fmt: skip
    assert inventory.hosts["web02.example.org"] == Host(
        "web02.example.org",
        "web02.example.org",
        port=2222,
        user="sweep",
        become=True,
        groups=("eu", "prod", "web"),
    )
    assert inventory.hosts["10.0.0.9"] == Host(
        "10.0.0.9", "db9.example.org", port=2200, user="sweep", groups=("db", "prod")
    )
    assert inventory.hosts["lone"].groups == ("ungrouped",)
    assert inventory.warnings == ()


def test_every_mistake_is_listed_with_its_place(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "web:\n"
        "  hosts:\n"
        "    web[9:1]:\n"
        "    web[1:3]: {ansible_port: abc}\n"
        "    5:\n"
        "  children: [a, b]\n"
        "  vars: {ansible_become: maybe, ansible_group_priority: high}\n"
        "db: {hosts: {d1: text, '': }, children: {web: {children: {db: }}}}\n"
        "lb: {hosts: {lb1: {ansible_host: 5, mapsweep_root: host}, lb2: {ansible_user: [me]}}}\n",
    )
    assert mistakes(path) == [
        "inventory.yaml: web.hosts.web[9:1], line 3: [9:1] runs backwards",
        "inventory.yaml: web.hosts.web[1:3].ansible_port, line 4: must be a port from 1 to 65535, not 'abc'",
        "inventory.yaml: web.hosts.5, line 5: the name of a host must be text (put it in quotation marks)",
        (
            "inventory.yaml: web.children, line 6: must be a mapping, not a list"
            " (write each name as a key: `name:`)"
        ),
        "inventory.yaml: web.vars.ansible_become, line 7: must be true or false, not 'maybe'",
        "inventory.yaml: web.vars.ansible_group_priority, line 7: must be a whole number",
        "inventory.yaml: db.hosts.d1, line 8: must be a mapping of the host's variables",
        "inventory.yaml: db.hosts., line 8: the name of a host is empty",
        (
            "inventory.yaml: db.children.web, line 8: the groups db and web would contain each other"
            " (take web out of the children of db)"
        ),
        "inventory.yaml: lb.hosts.lb1.ansible_host, line 9: must be text, not 5: put it in quotation marks",
        (
            "inventory.yaml: lb.hosts.lb1.mapsweep_root, line 9:"
            " must be an absolute path without blanks, not 'host'"
        ),
        "inventory.yaml: lb.hosts.lb2.ansible_user, line 9: must be a single value, not a list or a mapping",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("{}", "is empty"),
        ("- web1\n", "its top level must be a mapping"),
        ("[web]\nweb1 web2\n", "inventory.yaml: line 2: 'web2' must be name=value"),
        ("web: {hosts: {a: }\n", "is not YAML"),
        ("plugin: aws_ec2\nregions: [eu]\n", "inventory plugin"),
        ("a: {hosts: {h: }}\n---\nb: {}\n", "a second document"),
        ("a: {hosts: {h: !python/object:os.system x}}\n", "the tag"),
        ("a: {hosts: {? [x, y] : }}\n", "a key is a list"),
        ("a: {hosts: *nowhere}\n", "no anchor"),
        ("5: {hosts: {h: }}\n", "the name of a group must be text"),
        ('a: {hosts: {"h\\n2": }}\n', "must be printable"),
        ("a: {children: {ungrouped: }}\n", "ungrouped can only be a child of all"),
        ("a: {children: {b: text}}\n", "neither a group nor a host"),
        ("a: {hosts: {h: }}\nall: {hosts: {a: }}\n", "a is a group, and a host that is in no group"),
    ],
)
def test_what_is_no_inventory(tmp_path: Path, text: str, said: str) -> None:
    assert said in mistakes(write(tmp_path, text))[0]


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "has no inventory in it" in mistakes(tmp_path)[0]
    assert "cannot be read: No such file" in mistakes(tmp_path / "absent.yaml")[0]
    assert "is TOML" in mistakes(write(tmp_path, "[web]\na = 1\n", "hosts.toml"))[0]
    (tmp_path / "latin.yaml").write_bytes(b"a:\n  hosts: {h\xe9: }\n")
    assert mistakes(tmp_path / "latin.yaml") == ["latin.yaml: line 2: is not UTF-8 (save the file as UTF-8)"]


def test_aliases_cannot_grow_without_bound(tmp_path: Path) -> None:
    bomb = "a0: &a0 {x: 1, y: 2}\n" + "".join(
        f"a{level}: &a{level} {{{', '.join(f'k{n}: *a{level - 1}' for n in range(9))}}}\n"
        for level in range(1, 12)
    )
    assert "stands for more than 5000000 values" in mistakes(write(tmp_path, bomb))[0]
    assert "contains itself" in mistakes(write(tmp_path, "a: &a {children: {b: *a}}\n"))[0]
    assert "more than 100 levels" in mistakes(write(tmp_path, "{a: " * 20_000))[0]


def test_hosts_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the limit is 1000000" in mistakes(write(tmp_path, "a: {hosts: {'h[0:9999999999]': }}\n"))[0]
    assert "the limit is 1000000" in mistakes(write(tmp_path, "a: {hosts: {'h[0:999][0:999][0:1]': }}\n"))[0]
    monkeypatch.setattr(host_range, "HOSTS_MAX", 10)
    assert len(load(write(tmp_path, "a: {hosts: {'h[1:10]': }}\n")).hosts) == 10
    assert "more than 10 hosts" in mistakes(write(tmp_path, "a: {hosts: {'h[1:9]': , 'i[1:2]': }}\n"))[0]


def test_a_host_may_have_any_name(tmp_path: Path) -> None:
    inventory = load(
        write(tmp_path, "a: {hosts: {'=cmd()': {ansible_host: h}, '<b>': , 'ü x': , '../y': }}\n")
    )
    assert list(inventory.hosts) == ["=cmd()", "<b>", "ü x", "../y"]
    assert inventory.hosts["=cmd()"].address == "h"


def test_warnings(tmp_path: Path) -> None:
    inventory = load(
        write(
            tmp_path,
            "web:\n"
            "  hosts: {web: , h: }\n"
            "  host: {x: }\n"
            "  vars: {ansible_user: a, ansible_user: b}\n"
            "other: [x]\n"
            "ssh: {hosts: {h: {ansible_ssh_common_args: -C -o StrictHostKeyChecking=no}}}\n"
            "old: {hosts: {h: {ansible_ssh_extra_args: -o Ciphers=3des-cbc}}}\n"
            "key: {hosts: {h: }, vars: {ansible_host_key_checking: false}}\n",
        )
    )
    assert inventory.hosts["h"].user == "b"
    policy = "the setting host_key_policy decides how host keys are checked"
    assert sorted(inventory.warnings) == sorted(
        [
            "inventory.yaml: line 4: 'ansible_user' is given twice; the last one is used",
            "inventory.yaml: web.host, line 3: is not one of hosts, children, vars; it was skipped",
            (
                "inventory.yaml: other, line 5: is not a group's definition and was skipped;"
                " its hosts are keys below `hosts:`"
            ),
            "inventory.yaml: web is both a group and a host",
            (
                "inventory.yaml: ssh.hosts.h.ansible_ssh_common_args, line 6:"
                f" -o StrictHostKeyChecking=no is not used: {policy}"
            ),
            (
                "inventory.yaml: old.hosts.h.ansible_ssh_extra_args, line 7:"
                " -o Ciphers=3des-cbc is not used: mapsweep chooses the algorithms itself"
            ),
            f"inventory.yaml: key.vars.ansible_host_key_checking, line 8: {policy}",
        ]
    )


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ("ansible_connection: winrm", "the connection 'winrm' is not supported"),
        ("ansible_host: '{{ inventory_hostname | upper }}.example.org'", "is a Jinja template"),
        ("ansible_port: '{% if x %}1{% endif %}'", "is a Jinja template"),
        ("mapsweep_labels: '{{ labels }}'", "is a Jinja template"),
        ("mapsweep_labels: {zone: eu, owner: '{{ team }}'}", "is a Jinja template"),
        ("mapsweep_labels: {owner: !vault x}", "encrypted with ansible-vault"),
        (
            "ansible_host: !vault |\n          $ANSIBLE_VAULT;1.1;AES256\n          00\n",
            "encrypted with ansible-vault",
        ),
        ("ansible_ssh_private_key: hunter2", "a private key is not taken from an inventory"),
        ("ansible_ssh_common_args: -o ProxyJump=bastion", "-o ProxyJump=bastion are not supported"),
        ("ansible_ssh_common_args: '-C -J bastion'", "-J bastion are not supported"),
        ("ansible_ssh_extra_args: '-oProxyCommand=\"ssh -W %h:%p b\"'", "are not supported"),
        ("ansible_ssh_args: '-o \"unclosed'", "are not supported"),
        ("ansible_shell_type: powershell", "has no /proc"),
        ("ansible_paramiko_proxy_command: nc", "a proxy command is not supported"),
        ("ansible_become: true\n      ansible_become_method: su", "the become method 'su' is not supported"),
        ("ansible_become: true\n      ansible_become_user: oracle", "becoming 'oracle' is not supported"),
    ],
)
def test_obstacles_concern_selected_hosts_alone(tmp_path: Path, variables: str, said: str) -> None:
    inventory = load(
        write(tmp_path, f"odd:\n  hosts:\n    odd1:\n      {variables}\nok: {{hosts: {{ok1: }}}}\n")
    )
    assert [host.name for host in select(inventory, "ok")] == ["ok1"]
    with pytest.raises(OperatorError) as caught:
        select(inventory, "all")
    mistake, last = caught.value.mistakes
    assert last.remedy == "to leave them out: --hosts 'all,!odd1'"
    assert said in mistake.problem
    assert "odd1" in mistake.problem
    assert mistake.place.startswith(
        ("inventory.yaml: odd.hosts.odd1.ansible_", "inventory.yaml: odd.hosts.odd1.mapsweep_labels")
    )
    assert "hunter2" not in str(mistake)
    assert "hunter2" not in repr(inventory)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ("ansible_password: hunter2", "a password"),
        ("ansible_ssh_pass: 1234", "a password"),
        ("ansible_ssh_private_key_passphrase: hunter2", "a key's passphrase"),
        ("ansible_become: true\n      ansible_become_password: hunter2", "a sudo password"),
    ],
)
def test_a_secret_that_a_login_can_do_without_is_passed_by_with_one_warning(
    tmp_path: Path, variables: str, said: str
) -> None:
    given = "".join(f"    odd{number}:\n      {variables}\n" for number in range(3))
    inventory = load(write(tmp_path, f"odd:\n  hosts:\n{given}"))
    assert len(select(inventory, "all")) == 3
    (warning,) = inventory.warnings
    assert f"not used, {said} is not taken from an inventory" in warning
    assert warning.startswith("inventory.yaml: odd.hosts.odd0.ansible_")
    assert warning.endswith("(and in 2 other places)")
    assert "hunter2" not in repr(inventory)
    assert "1234" not in repr(inventory)


@pytest.mark.parametrize(
    "variables",
    [
        "ansible_become_method: su",  # without become it means nothing
        "ansible_become_password: hunter2",
        "ansible_become: yes\n      ansible_become_method: sudo\n      ansible_become_user: root",
        "ansible_ssh_args: -4C -o ControlPersist=60s -o 'ConnectTimeout 5'",
        "ansible_password: '{{ vault_password }}'",
        "ansible_password: ''",
        "ansible_connection: ansible.builtin.ssh\n      ansible_port: '2222'",
        "ansible_python_interpreter: '{{ somewhere }}'\n      anything: [1, {a: b}]",
        "kept: !vault |\n          x",
    ],
)
def test_what_stands_in_nobodys_way(tmp_path: Path, variables: str) -> None:
    select(load(write(tmp_path, f"odd:\n  hosts:\n    odd1:\n      {variables}\n")), "odd1")


def test_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    inventory = load(
        write(
            tmp_path,
            "a:\n"
            "  hosts:\n"
            "    here: {ansible_connection: local, ansible_host: there, ansible_port: 5, ansible_become: 1}\n"
            "    key: {ansible_ssh_private_key_file: ~/.ssh/k, mapsweep_root: /host/}\n"
            "    old: {ansible_host: a, ansible_ssh_host: b, ansible_port: 1, ansible_ssh_port: '2'}\n"
            "    unset: {ansible_host: , ansible_user: }\n",
        )
    )
    assert inventory.hosts["here"] == Host(
        "here", "here", become=True, connection=Connection.LOCAL, groups=("a",)
    )
    assert inventory.hosts["key"].key_file == "/home/me/.ssh/k"
    assert inventory.hosts["key"].root == "/host"
    assert (inventory.hosts["old"].address, inventory.hosts["old"].port) == ("b", 2)
    assert inventory.hosts["unset"] == Host("unset", "unset", groups=("a",))


def test_files_of_variables(tmp_path: Path) -> None:
    path = write(tmp_path, EXAMPLE)
    write(tmp_path, "ansible_user: all\nansible_port: 1\n", "group_vars/all.yml")
    write(tmp_path, "ansible_user: web\n", "group_vars/web/b.yaml")
    write(tmp_path, "ansible_user: first\nansible_port: 3\n", "group_vars/web/a")
    write(tmp_path, "ansible_user: hidden\n", "group_vars/web/.c.yml")
    write(tmp_path, "ansible_user: backup\n", "group_vars/web/d.yml~")
    write(tmp_path, "ansible_user: other\n", "group_vars/web/e.txt")
    write(tmp_path, "ansible_user: below\n", "group_vars/db/nested/x.json")
    write(tmp_path, "ansible_user: shadowed\n", "group_vars/db.yml")
    write(tmp_path, "ansible_user: nobody\n", "group_vars/absent.yml")
    write(tmp_path, "ansible_host: file\n", "host_vars/dba.yaml")
    write(tmp_path, "", "host_vars/dbc.yaml")
    write(tmp_path, "$ANSIBLE_VAULT;1.1;AES256\n00\n", "host_vars/dbe.yml")
    inventory = load(path)
    (tmp_path / "host_vars/dbe.yml").unlink()  # Ansible would ask for the vault's password
    (answer,) = ask([(path, ())], tmp_path / "scratch")
    assert inventory.warnings == ("host_vars/dbe.yml: is encrypted with ansible-vault and was not read",)
    assert inventory.hosts["lone"].user == "all"
    assert inventory.hosts["web02.example.org"].user == "web"
    assert inventory.hosts["dba"].user == "below"
    assert inventory.hosts["dba"].address == "file"
    agree(inventory, answer)


LABELLED = """
all:
  vars: {mapsweep_labels: {owner: ops, tier: gold}}
  hosts: {lone: , plain: {mapsweep_labels: {}}, none: {mapsweep_labels: }}
  children:
    web:
      vars: {mapsweep_labels: &web {owner: payments}}
      hosts:
        web1:
        web2: {mapsweep_labels: {zone: eu-2}}
        web3: {mapsweep_labels: {<<: *web, zone: eu-3}}
        web4:
        web5:
"""


def test_the_closest_labels_win_whole(tmp_path: Path) -> None:
    path = write(tmp_path, LABELLED)
    write(tmp_path, '{"mapsweep_labels": {"owner": "edge"}}', "host_vars/web4.json")
    write(tmp_path, "mapsweep_labels: {team: x}\n", "group_vars/all/z.yml")
    write(tmp_path, "mapsweep_labels: {owner: shop, line: '1'}\n", "group_vars/web.yml")
    inventory = load(path)
    shop = (("line", "1"), ("owner", "shop"))
    assert {name: host.labels for name, host in inventory.hosts.items()} == {
        "lone": (("team", "x"),),
        "plain": (),
        "none": (),
        "web1": shop,
        "web2": (("zone", "eu-2"),),
        "web3": (("owner", "payments"), ("zone", "eu-3")),
        "web4": (("owner", "edge"),),
        "web5": shop,
    }
    assert inventory.localhost.labels == (("team", "x"),)
    agree(inventory, ask([(path, ())], tmp_path / "scratch")[0])


def test_labels_at_their_limits(tmp_path: Path) -> None:
    longest = {"n" * 32: "x" * 100} | {f"l{number}": "" for number in range(15)}
    path = write(tmp_path, json.dumps({"web": {"hosts": {"h": {"mapsweep_labels": longest}}}}))
    assert load(path).hosts["h"].labels == tuple(sorted(longest.items()))
    path = write(tmp_path, json.dumps({"web": {"hosts": {"h": {"mapsweep_labels": longest | {"z": ""}}}}}))
    (said,) = mistakes(path)
    assert said == "inventory.yaml: web.hosts.h.mapsweep_labels, line 1: has 17 labels; 16 are the most"


@pytest.mark.parametrize(
    ("given_labels", "said"),
    [
        ("payments", "mapsweep_labels, line 5: must be a mapping of names to texts"),
        ("[owner]", "mapsweep_labels, line 5: must be a mapping of names to texts"),
        ("!!int x", "mapsweep_labels, line 5: must be a mapping of names to texts"),
        ("{owner: }", "mapsweep_labels.owner, line 5: must be text, not None"),
        ("{tier: 1}", "mapsweep_labels.tier, line 5: must be text, not 1: put it in quotation marks"),
        ("{gold: yes}", "must be text, not True"),
        ("{owner: [a]}", "mapsweep_labels.owner, line 5: must be a single value"),
        ("{owner: {a: b}}", "must be a single value"),
        ("{owner: !!int x}", "mapsweep_labels.owner, line 5: "),
        (f"{{owner: {'x' * 101}}}", "must be one line of at most 100 characters"),
        ('{owner: "a\\nb"}', "must be one line"),
        ('{owner: "a\\u2028b"}', "must be one line"),
        ('{owner: "\\e[2Jb"}', "must be one line"),
        ("{Owner: a}", "mapsweep_labels.Owner, line 5: the name of a label is at most 32"),
        ("{1st: a}", "the name of a label is at most 32"),
        ("{'': a}", "the name of a label is at most 32"),
        ("{own-er: a}", "the name of a label is at most 32"),
        ('{"owner\\n": a}', "the name of a label is at most 32"),
        ("{ówner: a}", "the name of a label is at most 32"),
        (f"{{{'n' * 33}: a}}", "the name of a label is at most 32"),
        ("{on: a}", "the name of a label must be text"),
        ("{1: a}", "the name of a label must be text"),
    ],
)
def test_what_is_no_label(tmp_path: Path, given_labels: str, said: str) -> None:
    path = write(tmp_path, f"web:\n  hosts:\n    h:\n  vars:\n    mapsweep_labels: {given_labels}\n")
    (mistake,) = mistakes(path)
    assert said in mistake
    assert mistake.startswith("inventory.yaml: web.vars.mapsweep_labels")


def test_every_wrong_label_is_listed_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "web: {hosts: {h: }}\n")
    write(tmp_path, "mapsweep_labels:\n  owner: 7\n  zone: eu\n  Tier: x\n", "group_vars/web.yml")
    assert mistakes(path) == [
        "group_vars/web.yml: mapsweep_labels.owner, line 2: must be text, not 7: put it in quotation marks",
        (
            "group_vars/web.yml: mapsweep_labels.Tier, line 4:"
            " the name of a label is at most 32 of a-z, 0-9 and _, and begins with a letter"
        ),
    ]


def test_mistakes_in_files_of_variables(tmp_path: Path) -> None:
    path = write(tmp_path, EXAMPLE)
    write(tmp_path, "- a list\n", "group_vars/web.yml")
    write(tmp_path, "x: 1\nansible_port: 0\n", "host_vars/dba.yml")
    write(tmp_path, "x: : 1\n", "host_vars/dbc.yml")
    assert mistakes(path) == [
        "group_vars/web.yml: must be a mapping of variables",
        "host_vars/dba.yml: ansible_port, line 2: must be a port from 1 to 65535, not 0",
        "host_vars/dbc.yml: line 1: is not YAML: mapping values are not allowed in this context",
    ]


# --- against ansible-core

NAMES = st.sampled_from(["a", "b", "c", "d", "e", "web", "all", "ungrouped"])
HOST_KEYS = st.sampled_from(
    [
        "h1", "h2", "h3", "web", "h[1:3]", "h[01:03]", "x[a:c]y[1:2]", "x[a:f:2]", "[1:2]", "h1:2200",
        "h[1:2]:2222", "10.0.0.[1:2]", "10.0.0.1:22", "fe80::1", "[fe80::1]:22", "h[:2]", "h[3:1]", "h[1:]",
        "h[1:05]", "h[01:3]", "h[:2]:22", "h[a:3]", "odd name", "=x", "localhost",
    ]
)  # fmt: skip
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "ansible_host": st.sampled_from(["p", "q", None]),
        "ansible_port": st.sampled_from([22, 2022, "2122", None]),
        "ansible_user": st.sampled_from(["u", "v"]),
        "ansible_become": st.sampled_from([True, False, "yes", "no", 1, 0]),
        "ansible_group_priority": st.sampled_from([1, 2, 10, "5"]),
        "mapsweep_labels": st.none()
        | st.dictionaries(
            st.sampled_from(["zone", "owner", "a1_"]), st.sampled_from(["eu-1", "ü", "a b"]), max_size=2
        ),
        "free": st.just([1, {"x": None}]),
    },
)
HOSTS = st.dictionaries(HOST_KEYS, st.none() | VALUES, max_size=4)


def sections(children: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | st.fixed_dictionaries(
        {},
        optional={
            "hosts": HOSTS | st.none() | st.just("h9"),
            "vars": VALUES | st.none(),
            "children": st.dictionaries(NAMES, children, max_size=3),
            "other": st.just({}),
        },
    )


GROUPS = sections(sections(sections(st.none())))
INVENTORIES = st.dictionaries(NAMES, GROUPS, min_size=1, max_size=5)
STRICTER = (  # where mapsweep refuses what Ansible lets pass
    "ungrouped can only be a child of all, and cannot have children",
    "runs backwards",
    "is a group, and a host that is in no group",
)


@pytest.mark.slow
@settings(
    max_examples=3,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(st.lists(INVENTORIES, min_size=60, max_size=120))
def test_means_what_ansible_means(contents: list[dict[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [write(folder, json.dumps(each), f"{n}/inventory.yaml") for n, each in enumerate(contents)]
        answers = ask([(path, ()) for path in paths], folder / "scratch")
        for path, answer in zip(paths, answers, strict=True):
            try:
                inventory = load(path)
            except OperatorError as error:
                refused = str(error)
            else:
                agree(inventory, answer)
                continue
            assert answer.error or any(reason in refused for reason in STRICTER), path.read_text()
