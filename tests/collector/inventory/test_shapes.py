"""Odd shapes of inventories, one after another, against ansible-core."""

from pathlib import Path

import pytest

from collector.inventory.inventory import load
from collector.inventory.sources import Surroundings
from domain.mistakes import OperatorError
from tests.collector.inventory.agreement import agree
from tests.collector.inventory.ansible_oracle import Answer, Question, ask_all

SHAPES = {  # text of a YAML inventory by the name of its shape
    "an_older_name_at_another_level": """
all:
  vars: {ansible_user: of-all, ansible_port: 1}
  children:
    web:
      vars: {ansible_ssh_user: older, ansible_ssh_port: 2}
      hosts: {w1: {ansible_user: own}, w2: {ansible_ssh_user: own}, w3: }
""",
    "two_names_for_one_thing": """
web:
  vars: {ansible_ssh_host: a.lan, ansible_private_key_file: /k/group}
  hosts: {w1: , w2: {ansible_host: b.lan, ansible_ssh_private_key_file: /k/own}}
""",
    "keys_that_mean_nothing": """
web: {hosts: {w1: }, remark: nobody reads this, vars: {ansible_user: u}}
_meta: {hostvars: {w1: {ansible_user: not-read}}}
text: only text
list: [w2]
""",
    "spellings_of_become": """
web:
  hosts:
    yes1: {ansible_become: yes}
    yes2: {ansible_become: "true"}
    yes3: {ansible_become: 1}
    yes4: {ansible_become: "on"}
    yes5: {ansible_become: "True"}
    no1: {ansible_become: 0}
    no2: {ansible_become: "no"}
    no3: {ansible_become: }
    no4: {ansible_become: Off}
""",
    "children_without_a_definition": "prod: {children: {web: , db: }}\nweb: {hosts: {w1: }}\n",
    "connections": """
web:
  hosts:
    w1: {ansible_connection: ansible.builtin.ssh}
    w2: {ansible_connection: smart}
    here: {ansible_connection: local}
""",
    "the_deepest_group_wins": """
top:
  vars: {ansible_user: top}
  children: {middle: {vars: {ansible_user: middle}, children: {bottom: {hosts: {w1: }}}}}
bottom: {vars: {ansible_user: bottom, ansible_port: 5}}
zoo: {vars: {ansible_user: zoo}, hosts: {w1: }}
""",
    "a_group_with_two_parents": """
east: {children: {web: }, vars: {ansible_user: east}}
west: {children: {web: }, vars: {ansible_user: west}}
both: {children: {east: , west: }}
web: {hosts: {w1: }}
""",
    "texts_in_place_of_mappings": "web: {hosts: w1}\nprod: {children: web}\n",
    "addresses_as_names": 'web: {hosts: {w1: {ansible_host: "fe80::7"}, "2001:db8::7": , "::1": }}\n',
    "local_for_all_but_one": """
all:
  vars: {ansible_connection: local}
  hosts: {localhost: , w1: {ansible_connection: ssh, ansible_host: 10.9.9.9}}
""",
    "a_long_name": f"web: {{hosts: {{{'w' * 255}: }}}}\n",
    "marks_of_begin_and_end": "---\nall: {hosts: {w1: }}\n...\n",
    "nothing_everywhere": """
web:
  hosts: {w1: , w2: {}, w3: {ansible_user: , ansible_port: ~}, w4: null}
  children:
  vars:
db:
""",
    "numbers_of_ports": """
web:
  hosts: {w1: {ansible_port: 022}, w2: {ansible_port: 0x16}, w3: {ansible_port: "022"}}
  vars: {ansible_port: 2_2}
""",
    "ports_in_names": """
web:
  hosts: {"w1:2201": , "[fe80::1]:2202": , "10.1.1.[1:3]:2203": {ansible_port: 9}, "fe80::2": , "w[1:2]:4": }
""",
    "ranges": """
web: {hosts: {"w[01:10:3].lan[a:c]": , "w[8:11]": {ansible_port: "2201"}, "w[:2]": , "w[001:003]": }}
""",
    "a_group_and_a_host_of_one_name": "web: {hosts: {web: {ansible_port: 7}, w2: }}\n",
    "blanks_in_names": 'web: {hosts: {"w 1": {ansible_host: w1}, " w2": {ansible_host: w2}}}\n',
    "unsafe_values": 'web: {hosts: {w1: {ansible_user: !unsafe "u", note: !unsafe "{{ x }}"}}}\n',
    "paths_of_keys": """
web:
  vars: {ansible_ssh_private_key_file: ~/.ssh/k}
  hosts: {w1: , w2: {ansible_ssh_private_key_file: keys/k}}
""",
    "anchors": """
web: {vars: &v {ansible_user: u, ansible_port: 7}, hosts: {w1: {<<: *v, ansible_port: 8}}}
db: {vars: *v, hosts: {d1: &d {ansible_host: d}, d2: *d}}
""",
    "a_group_defined_twice": """
web: {hosts: {w1: {ansible_user: first}}, vars: {ansible_port: 1}}
prod: {children: {web: {hosts: {w1: {ansible_user: second}, w2: }, vars: {ansible_port: 2}}}}
""",
    "priorities": """
a: {vars: {ansible_user: a, ansible_group_priority: 10}, hosts: {w1: }}
b: {vars: {ansible_user: b}, hosts: {w1: }}
c: {vars: {ansible_user: c, ansible_group_priority: "2"}, hosts: {w1: }}
""",
    "secrets_that_are_not_read": """
web: {vars: {token: !vault x, list: [!vault y]}, hosts: {w1: {other: {deep: !vault z}}}}
""",
    "all_with_hosts_of_its_own": """
all: {hosts: {w1: , w2: }, children: {web: {hosts: {w2: }}}}
ungrouped: {hosts: {w3: , w2: }}
""",
}
REFUSED = {
    "a_port_that_is_no_number": (
        "web: {hosts: {w1: {ansible_port: 1:20.5}}}\n",
        "w1.ansible_port, line 1: must be a port",
    ),
    "a_port_with_a_point": (
        "web: {hosts: {w1: {ansible_port: 22.0}}}\n",
        "w1.ansible_port, line 1: must be a port",
    ),
    "a_group_named_yes": ("yes: {hosts: {w1: }}\n", "yes, line 1: the name of a group must be text"),
    "a_host_named_no": (
        "web:\n  hosts:\n    no: {}\n",
        "web.hosts.no, line 3: the name of a host must be text",
    ),
    "a_user_that_is_a_number": (
        "web: {hosts: {w1: {ansible_user: 7}}}\n",
        "must be text, not 7: put it in quotation marks",
    ),
    "a_group_and_a_host_in_no_group": (
        "web: {hosts: {w1: }}\nall:\n  hosts:\n    web:\n",
        "all.hosts.web, line 4: web is a group, and a host that is in no group (rename one of them)",
    ),
}
REFUSED_BY_ANSIBLE_TOO = {"a_group_named_yes", "a_host_named_no"}
BESIDE = {  # files of variables beside the inventory BESIDE_OF
    "group_vars/all.yml": "ansible_user: all\nansible_become: true\n",
    "group_vars/all.yaml": "ansible_user: passed-over\n",
    "group_vars/ungrouped.yml": "ansible_user: ungrouped\n",
    "group_vars/db": "ansible_port: 40\nansible_user: db\n",
    "group_vars/web/10.yml": "ansible_port: 10\n",
    "group_vars/web/20.yml": "ansible_port: 20\n",
    "group_vars/web/below/30.yml": "ansible_port: 30\n",
    "group_vars/web/.hidden.yml": "ansible_port: 97\n",
    "group_vars/web/x.txt": "ansible_port: 98\n",
    "group_vars/web/y.yml~": "ansible_port: 99\n",
    "host_vars/w1": "ansible_host: 10.0.0.9\n",
    "host_vars/w2.json": '{"ansible_user": "json"}',
}
BESIDE_OF = """
web: {hosts: {w1: {ansible_user: own}, w2: }, vars: {ansible_port: 1}}
db: {hosts: {w1: }}
all: {hosts: {lone: }}
"""


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Answer]]:
    """Every shape as a file in a folder of its own, with Ansible's answer."""
    folder = tmp_path_factory.mktemp("shapes")
    files = {f"{name}/hosts.yml": text for name, text in SHAPES.items()}
    files |= {f"{name}/hosts.yml": text for name, (text, _) in REFUSED.items()}
    files |= {f"beside/{path}": text for path, text in BESIDE.items()} | {"beside/hosts.yml": BESIDE_OF}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    inventories = [*SHAPES, *REFUSED, "beside"]
    paths = [folder / name / "hosts.yml" for name in inventories]
    answers = ask_all([Question([path], path.parent) for path in paths], folder / "scratch")
    return dict(zip(inventories, zip(paths, answers, strict=True), strict=True))


@pytest.mark.parametrize("name", [*SHAPES, "beside"])
def test_a_shape_means_what_ansible_means(shapes: dict[str, tuple[Path, Answer]], name: str) -> None:
    path, answer = shapes[name]
    ours = load(path, Surroundings(play_folder=path.parent))
    assert not ours.obstacles
    agree(ours, answer)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_has_its_line(shapes: dict[str, tuple[Path, Answer]], name: str) -> None:
    path, answer = shapes[name]
    assert bool(answer.error) == (name in REFUSED_BY_ANSIBLE_TOO)
    with pytest.raises(OperatorError) as caught:
        load(path)
    assert REFUSED[name][1] in str(caught.value)
