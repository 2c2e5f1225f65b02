"""Inventories by chance, as files: INI, YAML, programs and folders with the variables beside them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

PLAY = "play"  # the folder of the playbook
_OWN_GROUPS = ["web", "db", "prod", "eu-1", "g_1", "lb", "h3"]
_GROUPS = st.sampled_from([*_OWN_GROUPS, "all", "ungrouped"])
_HOSTS = [
    "h1", "h2", "h3", "web", "h[1:3]", "h[01:03].example.org", "x[a:c]y[1:2]", "x[a:f:2]", "h4:2200",
    "h[1:2]:2222", "10.0.0.[1:2]", "10.0.0.1:22", "fe80::1", "[fe80::2]:22", "h[:2]", "h-1.example.org", "ü",
    "localhost",
]  # fmt: skip
_ODD_HOSTS = ["h[3:1]", "h[1:]", "h[a:3]", "=x", "h1:", "h;2", "h5:port", "a:b:c", "h[1-3]", "h_", "-h"]


@dataclass(frozen=True, slots=True)
class Case:
    """Files by path below a folder, and the sources: paths, or hosts with commas between."""

    files: Mapping[str, str]  # those that begin with #! are programs
    sources: tuple[str, ...]

    def told(self) -> str:
        """The whole case as text, to repeat it by hand."""
        files = "".join(f"==> {path}\n{text}\n" for path, text in self.files.items())
        return f"sources: {' '.join(self.sources)}\n{files}"


def _mostly(usual: list[str], odd: list[str]) -> st.SearchStrategy[str]:
    return st.integers(0, 99).flatmap(lambda number: st.sampled_from(odd if number == 50 else usual))


_HOST = _mostly(_HOSTS, _ODD_HOSTS)
_CHILD = _mostly(_OWN_GROUPS, ["all", "ungrouped", "no-such-group"])
_NAMES = {  # the values of each variable as they are written in INI and in YAML, and odd ones of either
    "ansible_host": (["p", "10.0.0.5", "'q'", "None"], ["p", '"q"', "'10.0.0.5'", "~"], ["", "5"]),
    "ansible_ssh_host": (["old"], ["old", "null"], ["'a b'"]),
    "ansible_port": (
        ["22", "2022", "'2122'", "0x16", "0o26", "None"],
        ["22", '"2022"', "022", "0x16", "1_0", "~", "!!str 22"],
        ["high", "0", "22.0", "1:20"],
    ),
    "ansible_ssh_port": (["2222"], ["2222", ""], ["-1"]),
    "ansible_user": (
        ["u", "v", "1234", "\"o'brien\"", "none", "0700", "{{account}}"],
        ["u", "'v'", "\"o'b\"", "null", "!unsafe w", "'{{ account }}'", "\"{{ account | default('ops') }}\""],
        ["True"],
    ),
    "account": (["web", "'a b'"], ["web", "7"], ["[1]"]),
    "ansible_become": (
        ["yes", "no", "True", "False", "true", "1", "0"],
        ["yes", "no", "on", "off", "true", '"True"', "1", "0", "~"],
        ["maybe"],
    ),
    "ansible_private_key_file": (["/k/plain"], ["/k/plain"], ["[]"]),
    "ansible_ssh_private_key_file": (["/k/id", "~/k", "keys/id"], ["/k/id", "~/k", "keys/id"], ["''"]),
    "ansible_connection": (["ssh", "local", "smart"], ["ssh", "local", "ansible.builtin.ssh"], ["winrm"]),
    "ansible_group_priority": (["1", "10", "5"], ["1", "10", '"5"'], ["high"]),
    "free": (
        ["[1,2]", "{'a':'b'}", "'x y'", "a=b=c", "'#'", "''", '"a;b"', "c:\\d", "(1,)"],
        ["[1, {a: b}]", "{a: }", "x y", "'#'", "!vault x", "!unsafe '{{ y }}'"],
        ["(", "{"],
    ),
}  # fmt: skip


def _variables(syntax: int) -> st.SearchStrategy[dict[str, str]]:
    """Variables of one syntax: 0 is INI, 1 is YAML."""

    def value(name: str) -> st.SearchStrategy[tuple[str, str]]:
        written = _NAMES[name]
        return st.tuples(st.just(name), _mostly(written[syntax], written[2]))

    return st.lists(st.sampled_from(sorted(_NAMES)).flatmap(value), max_size=3).map(dict)


# --- INI

_COMMENT = st.sampled_from(["# a comment", "; a comment", "", "   # indented", "\t"])
_BEHIND = st.sampled_from(["", "", "", "  # behind", " #", "   "])
_INDENT = st.sampled_from(["", "", "", "  ", "\t"])
_BLANKS = st.sampled_from([" ", "  ", "\t"])
_EQUALS = st.sampled_from(["=", "=", " = ", "= "])
_KINDS = _mostly(["", "", "", ":hosts", ":children", ":children", ":vars", ":vars"], [":var"])


@st.composite
def _host_line(draw: st.DrawFn) -> str:
    name = draw(_HOST)
    words = [f'"{name}"' if draw(st.integers(0, 9)) == 0 else name]
    words += [f"{key}={value}" for key, value in draw(_variables(0)).items()]
    return draw(_INDENT) + draw(_BLANKS).join(words) + draw(_BEHIND)


@st.composite
def _vars_line(draw: st.DrawFn) -> str:
    given = [f"{key}{draw(_EQUALS)}{value}" for key, value in draw(_variables(0)).items()]
    return "\n".join(draw(_INDENT) + line + draw(_BEHIND) for line in given)


@st.composite
def _section(draw: st.DrawFn) -> list[str]:
    kind = draw(_KINDS)
    lines = [f"{draw(_INDENT)}[{draw(_GROUPS)}{kind}]{draw(_BEHIND)}"]
    line = {":children": _CHILD.flatmap(lambda name: _BEHIND.map(name.__add__)), ":vars": _vars_line()}
    return lines + draw(st.lists(line.get(kind, _host_line()) | _COMMENT, max_size=4))


@st.composite
def _ini(draw: st.DrawFn) -> str:
    lines = draw(st.lists(_host_line() | _COMMENT, max_size=3))
    for section in draw(st.lists(_section(), min_size=1, max_size=6)):
        lines += section
    if draw(st.integers(0, 4)):  # mostly a section for each group, because a child must have one
        lines += [f"[{name}]" for name in _OWN_GROUPS]
    return "\n".join(lines) + "\n"


# --- YAML


def _mapping(given: Mapping[str, str], indent: int) -> str:
    return "".join(f"\n{' ' * indent}{key}: {value}" for key, value in given.items()) or " {}"


@st.composite
def _section_in_yaml(draw: st.DrawFn, anchors: list[str], depth: int, indent: int) -> str:
    """The content of one group, from the colon on."""
    left = " " * indent
    text = ""
    for key in draw(
        st.lists(st.sampled_from(["hosts", "vars", "children", "other"]), max_size=3, unique=True)
    ):
        text += f"\n{left}{key}:"
        if key == "vars":
            is_repeated = draw(st.booleans())
            if anchors and is_repeated:
                text += f" *{draw(st.sampled_from(anchors))}"
                continue
            anchor = f"v{len(anchors)}"
            text += f" &{anchor}" + _mapping(draw(_variables(1)), indent + 2)
            anchors.append(anchor)
        elif key == "hosts":
            text += draw(_hosts_in_yaml(anchors, indent + 2))
        elif key == "children" and depth < 3:
            for name in draw(st.lists(_CHILD, max_size=3, unique=True)):
                text += f"\n{left}  {name}:{draw(_section_in_yaml(anchors, depth + 1, indent + 4))}"
    return text or draw(st.sampled_from(["", " {}", " ~"]))


@st.composite
def _hosts_in_yaml(draw: st.DrawFn, anchors: list[str], indent: int) -> str:
    left, text = " " * indent, ""
    for name in draw(st.lists(_HOST, max_size=4, unique=True)):
        given = draw(_variables(1))
        if anchors and draw(st.integers(0, 4)) == 0:
            given = {"<<": f"*{draw(st.sampled_from(anchors))}"} | given
        flow = "{" + ", ".join(f"{key}: {value}" for key, value in given.items()) + "}"
        written = draw(st.sampled_from([f'"{name}"', f"'{name}'"]))
        text += f"\n{left}{written}: " + draw(st.sampled_from([flow, "" if not given else flow]))
    return text or draw(st.sampled_from(["", " h9", " {}"]))


@st.composite
def _yaml(draw: st.DrawFn) -> str:
    anchors: list[str] = []
    text = draw(st.sampled_from(["", "---\n", "# a comment\n"]))
    for name in draw(st.lists(_GROUPS, min_size=1, max_size=4, unique=True)):
        text += f"{name}:{draw(_section_in_yaml(anchors, 1, 2))}\n"
    return text


# --- programs

_JSON_HOSTS = st.lists(st.sampled_from(["h1", "h2", "web", "p1", "h[1:2]", "h1:22"]), max_size=3)
_JSON_VARIABLES = st.fixed_dictionaries(
    {},
    optional={
        "ansible_port": st.sampled_from([22, "2022", None]),
        "ansible_user": st.sampled_from(["u", "{{ account }}"]),
        "ansible_host": st.sampled_from(["p", "10.0.0.5"]),
        "ansible_become": st.sampled_from([True, "no"]),
        "account": st.just("of-a-program"),
        "ansible_group_priority": st.sampled_from([2, "3"]),
        "free": st.just([1, {"x": None}]),
    },
)
_JSON_GROUP = (
    _JSON_HOSTS
    | _JSON_VARIABLES
    | st.fixed_dictionaries(
        {},
        optional={"hosts": _JSON_HOSTS, "vars": _JSON_VARIABLES, "children": st.lists(_CHILD, max_size=2)},
    )
)


@st.composite
def _program(draw: st.DrawFn) -> str:
    document: dict[str, object] = {}
    document |= draw(st.dictionaries(_GROUPS, _JSON_GROUP, min_size=1, max_size=4))
    if draw(st.integers(0, 3)):
        document["_meta"] = {
            "hostvars": draw(st.dictionaries(_JSON_HOSTS.map("".join), _JSON_VARIABLES, max_size=3))
        }
    of_host = draw(_JSON_VARIABLES)
    return (
        "#!/bin/sh\ncase $1 in\n"
        f"--list) cat <<'END'\n{json.dumps(document)}\nEND\n;;\n"
        f"--host) cat <<'END'\n{json.dumps(of_host)}\nEND\n;;\nesac\n"
    )


# --- all of it

_INI_NAMES = st.sampled_from(["hosts", "hosts.ini", "inventory", "prod.inv", "hosts.example"])
_YAML_NAMES = st.sampled_from(["hosts.yml", "hosts.yaml", "inventory"])
_LISTS = st.sampled_from(["h1,", "solo:2222,h2", "10.0.0.9, h[1:2]", "new1,web,[fe80::7]:22"])
_FILE = st.tuples(_INI_NAMES, _ini()) | st.tuples(_INI_NAMES, _ini()) | st.tuples(_YAML_NAMES, _yaml())
_ANY_FILE = _FILE | _FILE | st.tuples(st.just("program"), _program())
_OWNERS = st.sampled_from(
    [
        "group_vars/all",
        "group_vars/web",
        "group_vars/db",
        "group_vars/ungrouped",
        "host_vars/h1",
        "host_vars/h2",
    ]
)
_FORMS = st.sampled_from(["", ".yml", ".yaml", ".json", "/a.yml", "/b", "/c.txt", "/.d.yml", "/sub/e.yml"])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One to three sources, with files of variables beside them and beside the playbook."""
    files: dict[str, str] = {f"{PLAY}/site.yml": "[]\n"}
    sources: list[str] = []
    for number in range(draw(st.sampled_from([1, 1, 2, 3]))):
        folder = draw(st.sampled_from([f"of-{number}", PLAY]))
        kind = draw(st.integers(0, 7))
        if kind == 0 and number:
            sources.append(draw(_LISTS))
        elif kind == 1:
            for name, text in draw(st.lists(_ANY_FILE, min_size=1, max_size=2)):
                files[f"{folder}/all/{name}"] = text
            sources.append(f"{folder}/all")
        else:
            name, text = draw(_ANY_FILE)
            files[f"{folder}/{name}"] = text
            sources.append(f"{folder}/{name}")
    folders = sorted({path.rpartition("/")[0] for path in files})
    for owner in draw(st.lists(_OWNERS, max_size=3, unique=True)):
        path = f"{draw(st.sampled_from(folders))}/{owner}{draw(_FORMS)}"
        files.setdefault(path, _mapping(draw(_variables(1)), 0).strip() + "\n")
    return Case(files, tuple(sources))
