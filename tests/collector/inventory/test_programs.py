"""Programs that speak `--list`, against ansible-core: what each says is the same, or is refused by name."""

import json
from pathlib import Path

import pytest

from collector.inventory.inventory import load
from collector.inventory.sources import Surroundings
from domain.mistakes import OperatorError
from tests.collector.inventory.agreement import agree
from tests.collector.inventory.ansible_oracle import Answer, Question, ask_all

RUNS = Surroundings(runs_programs=True)
NO_META = '{"web": {"hosts": ["w1", "w2"], "vars": {"ansible_user": "u"}}, "db": ["w2", "d1"]}'
META = '"_meta": {"hostvars": {"w1": {"ansible_host": "10.0.0.1", "ansible_port": 2201}}}'
NESTED = {
    "all": {"children": ["prod", "ungrouped"], "vars": {"ansible_user": "everybody"}},
    "prod": {"children": ["web", "db"], "vars": {"ansible_user": "prod", "ansible_become": True}},
    "web": {"hosts": ["w1", "w1", "w2"], "vars": {"ansible_port": 2222}},
    "db": {"hosts": ["d1"], "children": ["late"]},
    "late": {"hosts": [], "vars": {"ansible_user": "late", "ansible_group_priority": 9}},
    "ungrouped": {"hosts": ["alone"]},
    "_meta": {"hostvars": {"w2": {"ansible_user": "w2", "unused": [1, {"a": None}]}, "nobody": {"x": 1}}},
}


def says(document: object) -> str:
    """A program that says a document for --list and nothing for --host."""
    return f"#!/bin/sh\n[ \"$1\" = --list ] && cat <<'END'\n{json.dumps(document)}\nEND\nexit 0\n"


def sh(script: str) -> str:
    return f"#!/bin/sh\n{script}\n"


AGREED = {
    "with_meta": sh(f'echo \'{{"web": ["w1", "w2"], {META}}}\''),
    "asked_for_each_host": sh(
        f'case $1 in --list) echo \'{NO_META}\';; --host) echo "{{\\"ansible_host\\": \\"$2.lan\\"}}";; esac'
    ),
    "nothing_for_a_host": sh(f"case $1 in --list) echo '{NO_META}';; esac"),
    "an_empty_object_for_a_host": sh(f"case $1 in --list) echo '{NO_META}';; *) echo '{{}}';; esac"),
    "groups_as_lists": says({"web": ["w1"], "db": ["d1", "w1"], "none": []}),
    "nested": says(NESTED),
    "a_group_of_variables": says({"lone": {"ansible_port": 2222, "ansible_user": "u"}, "web": ["w1"]}),
    "a_template_in_a_group_of_variables": says({"lone": {"ansible_user": "{{ account }}", "account": "u"}}),
    "templates": says(
        {
            "web": {"hosts": ["w1"], "vars": {"ansible_user": "{{ account }}", "account": "ops"}},
            "_meta": {"hostvars": {"w1": {"ansible_host": "{{ inventory_hostname }}.lan"}}},
        }
    ),
    "noise_on_standard_error": sh(f'yes warning | head -c 200000 >&2; echo \'{{"web": ["w1"], {META}}}\''),
    "slow": sh(f"sleep 0.3; echo '{{\"web\": [\"w1\"],'; sleep 0.3; echo '{META}}}'"),
    "in_python": (
        "#!/usr/bin/env python3\nimport json, sys\n"
        "web = {'hosts': ['w%d' % n for n in range(500)]}\n"
        "print(json.dumps({'web': web, '_meta': {'hostvars': {}}}, indent=4))\n"
    ),
    "names_as_they_are": says(
        {"web": {"hosts": ["w[1:3]", "w1:2222", "[fe80::1]:22", "=x", "ü"]}, "_meta": {"hostvars": {}}}
    ),
    "escapes": sh('echo \'{"we\\u0062": ["\\u0077\\u00fc"], "_meta": {"hostvars": {}}}\''),
    "no_hosts": says(
        {"web": {"children": ["db"]}, "db": {"vars": {"ansible_user": "u"}}, "_meta": {"hostvars": {}}}
    ),
    "nothing_at_all": says({"_meta": {"hostvars": {}}}),
    "null_in_place_of_a_value": says(
        {"web": {"hosts": ["w1"], "vars": {"ansible_port": None, "ansible_user": None}}}
    ),
    "a_key_twice": sh('echo \'{"web": ["w1"], "web": ["w2"], "_meta": {"hostvars": {}}}\''),
    "a_group_and_a_host_of_one_name": says({"web": {"hosts": ["web", "w1"], "vars": {"ansible_port": 7}}}),
    "reads_nothing": sh(f'cat; echo \'{{"web": ["w1"], {META}}}\''),
    "in_its_own_folder": sh(f'[ -e "$(dirname "$0")/beside" ] && echo \'{{"web": ["w1"], {META}}}\''),
}
REFUSED = {
    "bad_json": (sh("echo '{\"web\": ['"), "bad_json --list: its output is not JSON"),
    "nothing_said": (sh("exit 0"), "nothing_said --list: its output is not JSON"),
    "more_than_json": (sh(f"echo '{NO_META}' done"), "more_than_json --list: its output is not JSON"),
    "a_list": (sh("echo '[]'"), "a_list --list: its output must be a JSON object"),
    "exit_code": (sh(f"echo '{NO_META}'; echo no access >&2; exit 4"), "exit code 4 (it said: no access)"),
    "killed": (sh("kill -9 $$"), "killed --list: failed with exit code -9"),
    "exit_code_for_a_host": (
        sh(f"[ $1 = --list ] && echo '{NO_META}' && exit; echo gone >&2; exit 1"),
        "exit_code_for_a_host --host w1: failed with exit code 1 (it said: gone)",
    ),
    "bad_json_for_a_host": (
        sh(f"case $1 in --list) echo '{NO_META}';; *) echo '{{';; esac"),
        "its output is not JSON",
    ),
    "meta_without_hostvars": (
        says({"web": ["w1"], "_meta": {}}),
        "_meta.hostvars: must be an object of hosts",
    ),
    "hosts_as_text": (says({"web": {"hosts": "w1"}}), "web.hosts: must be a list of names"),
    "hosts_as_an_object": (says({"web": {"hosts": {"w1": {}}}}), "web.hosts: must be a list of names"),
    "variables_as_a_list": (says({"web": {"vars": ["a"]}}), "web.vars: must be an object of variables"),
    "circle": (says({"a": {"children": ["b"]}, "b": {"children": ["a"]}}), "would contain each other"),
}
READ_BY_OLDER_ANSIBLE = {"meta_without_hostvars"}  # before 2.19 it asks for each host then


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Answer]]:
    """Every program by its name, with Ansible's answer: one process of Ansible asks all of them."""
    folder = tmp_path_factory.mktemp("programs")
    texts = AGREED | {name: text for name, (text, _) in REFUSED.items()}
    (folder / "beside").touch()
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    answers = ask_all([Question([folder / name], folder) for name in texts], folder / "scratch")
    return {name: (folder / name, answer) for name, answer in zip(texts, answers, strict=True)}


@pytest.mark.parametrize("name", AGREED)
def test_a_program_says_what_ansible_hears(programs: dict[str, tuple[Path, Answer]], name: str) -> None:
    path, answer = programs[name]
    agree(load(path, RUNS), answer)


@pytest.mark.parametrize("name", REFUSED)
def test_what_ansible_refuses_is_refused_with_its_place(
    programs: dict[str, tuple[Path, Answer]], name: str
) -> None:
    path, answer = programs[name]
    with pytest.raises(OperatorError) as caught:
        load(path, RUNS)
    assert REFUSED[name][1] in str(caught.value)
    assert name in str(caught.value)
    assert answer.error or name in READ_BY_OLDER_ANSIBLE


def test_a_template_that_ansible_does_not_evaluate_is_an_obstacle(
    programs: dict[str, tuple[Path, Answer]],
) -> None:
    path, _ = programs["a_template_in_a_group_of_variables"]
    (obstacle,) = load(path, RUNS).obstacles["lone"]
    assert obstacle.place == f"{path.name}: lone.vars.ansible_user"


def test_a_program_that_cannot_be_run_is_not_read_as_a_file(tmp_path: Path) -> None:
    """Ansible would take its lines for hosts."""
    path = tmp_path / "program"
    path.write_text("#!/no/such/shell\nw1\n")
    path.chmod(0o755)
    with pytest.raises(OperatorError, match=r"program --list: cannot be run: No such file"):
        load(path, RUNS)
