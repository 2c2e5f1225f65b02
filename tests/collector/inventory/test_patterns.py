"""Host patterns, against ansible-core where it has a say."""

import random
from pathlib import Path

import pytest

from collector.inventory import patterns
from collector.inventory.inventory import Inventory, load
from collector.inventory.patterns import matching, pattern_without, select, split
from domain.mistakes import OperatorError
from domain.records import Connection
from tests.collector.inventory.ansible_oracle import ask

FLEET = """
all:
  children:
    prod:
      children:
        web:
          hosts: {"web[01:12].example.org": }
          children: {canary: {hosts: {web12.example.org: , web13: }}}
        db: {hosts: {"db[a:e]": , "web13": }}
    eu: {hosts: {"web0[1:5].example.org": , dba: , "10.0.0.[1:3]": , "fe80::1": }}
    web-2: {hosts: {"x[1:3]": }}
    empty:
    dbc: {hosts: {"dbc2": }}
  hosts: {lone: , "odd name": , 127.0.0.1: {ansible_connection: local}}
"""
TERMS = (
    "all", "*", "web", "web*", "db", "d*", "prod", "eu", "canary", "empty", "lone", "dba", "dbc",
    "odd name", "db[ac]", "web[0]", "web[-1]", "web[1:3]", "web[2:]", "web[3:0]", "web[1-2]", "prod[0:99]",
    "w*[5:9]", "*[3]", "web[99]", "web0[1-3].example.org", "web??.example.org", "web0[13]*", "*.org",
    "~web\\d+", "~(web|db)", "~.*3", "~web0[1:3]", "x?", "10.0.0.1", "10.0.0.*", "10.0.0.[1:2]", "fe80::1",
    "localhost", "ungrouped", "web-2", "nothing", "web01.example.org:22", "web01", "WEB", "[a-d]*", "*a",
    "~", "web13", "x1", "x[1:2]", "x*[0:1]",
)  # fmt: skip
PATTERNS_ASKED = 3_000


@pytest.fixture(name="fleet", scope="module")
def fleet_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fleet") / "inventory.yaml"
    path.write_text(FLEET)
    return path


@pytest.fixture(name="inventory", scope="module")
def inventory_(fleet: Path) -> Inventory:
    return load(fleet)


def names(inventory: Inventory, pattern: str) -> list[str]:
    return [host.name for host in select(inventory, pattern)]


def mistake(inventory: Inventory, pattern: str) -> str:
    with pytest.raises(OperatorError) as caught:
        select(inventory, pattern)
    return str(caught.value)


def drawn() -> list[str]:
    """Patterns of one to four terms, signed and separated in every way."""
    chance = random.Random(7)
    asked = list(TERMS)
    while len(asked) < PATTERNS_ASKED:
        terms = chance.choices(TERMS, k=chance.randint(1, 4))
        signed = [chance.choice(("", "", "&", "!")) + term for term in terms]
        asked.append(chance.choice((",", ",", ":", " , ", ",,")).join(signed))
    return asked


def test_select_what_ansible_selects(fleet: Path, tmp_path: Path) -> None:
    inventory = load(fleet)
    asked = drawn()
    (answer,) = ask([(fleet, asked)], tmp_path / "scratch")
    refused = 0
    for pattern, chosen in zip(asked, answer.chosen, strict=True):
        try:
            ours = names(inventory, pattern)
        except OperatorError as error:
            refused += 1
            stricter = "matches no host and no group" in str(error) or "selects no host" in str(error)
            outcome = None if chosen is None or stricter or not chosen else str(error)
        else:
            outcome = None if ours == chosen else f"{ours} {chosen}"
        assert outcome is None, (pattern, outcome)
    assert refused < len(asked) * 0.6


def test_order_of_terms_does_not_matter(inventory: Inventory) -> None:
    assert names(inventory, "!web13,&web,prod,eu") == names(inventory, "prod,eu,&web,!web13")
    assert names(inventory, "db,lone") == ["dba", "dbb", "dbc", "dbd", "dbe", "web13", "lone"]
    assert names(inventory, "lone,db")[0] == "lone"


def test_a_glob_that_matches_a_group_brings_all_its_hosts(inventory: Inventory) -> None:
    assert "web13" in names(inventory, "can*")


@pytest.mark.parametrize(
    ("pattern", "terms"),
    [
        ("a,b:c", ["a", "b:c"]),
        ("a:b", ["a", "b"]),
        ("a:!b:&c[1:2]", ["a", "!b", "&c[1:2]"]),
        ("web[01:05]", ["web[01:05]"]),
        ("host:22", ["host:22"]),
        ("fe80::1", ["fe80::1"]),
        ("fe80::1%eth0", ["fe80", "1%eth0"]),
        (" a , b ,", ["a", "b"]),
        ("a b", ["a", "b"]),
        ("", []),
    ],
)
def test_split(pattern: str, terms: list[str]) -> None:
    assert split(pattern) == terms


def test_what_matches_nothing_is_a_mistake(inventory: Inventory) -> None:
    assert mistake(inventory, "nothing-like-it") == "--hosts: 'nothing-like-it' matches no host and no group"
    assert mistake(inventory, "web,!cannary,&ue*").splitlines() == [
        "--hosts: '!cannary' matches no host and no group (did you mean canary?)",
        "--hosts: '&ue*' matches no host and no group",
    ]
    assert mistake(inventory, "wbe*") == "--hosts: 'wbe*' matches no host and no group (did you mean web?)"
    assert mistake(inventory, "wbe[0:1]").endswith("(did you mean web?)")
    assert mistake(inventory, "*.exmaple.org").endswith("(did you mean *.example.org?)")
    assert mistake(inventory, "wbe1?.example.org").endswith("(did you mean web1*?)")
    assert mistake(inventory, "web,!web") == "--hosts: 'web,!web' selects no host (web has 13, !web has 13)"
    assert mistake(inventory, "empty") == "--hosts: 'empty' selects no host (empty has 0)"
    assert mistake(inventory, "db[9]") == "--hosts: 'db[9]' has no host number 9: 'db' has 6"
    assert "'db[9:12]' matches no host" in mistake(inventory, "db[9:12]")
    assert "is not a regular expression" in mistake(inventory, "~(")
    assert mistake(inventory, "web,!") == "--hosts: '!' names nothing (put a name after it)"
    assert mistake(inventory, " , ") == "--hosts: the pattern is empty (all names every host)"


def test_of_many_hosts_the_likely_globs_are_compared_first(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text('all: {hosts: {"p[0000001:0004000]": , "prod-web[01:20]": }}\n')
    for slip, meant in (("prdo-*", "prod-*"), ("prod-wbe0?", "prod-web0*")):
        assert f"matches no host and no group (did you mean {meant}" in mistake(load(path), slip)


def test_a_known_group_without_hosts_may_be_excluded(inventory: Inventory) -> None:
    assert names(inventory, "db,!empty") == names(inventory, "db")


def test_this_machine_is_always_known(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text("all: {vars: {ansible_become: true, ansible_connection: ssh}, hosts: {a: }}\n")
    (host,) = select(load(path), "localhost")
    assert (host.name, host.connection, host.become) == ("localhost", Connection.LOCAL, True)
    assert names(load(path), "all") == ["a"]


def test_terms_of_a_file(inventory: Inventory, tmp_path: Path) -> None:
    path = tmp_path / "failed"
    path.write_text("dba\n\n  lone \n!dbb\nweb,db\n")
    assert mistake(inventory, f"prod,@{path}") == (
        f"--hosts @{path}, line 5: 'web,db' matches no host and no group (did you mean web?)"
    )
    path.write_text("dba\n\n  lone \n!dbb\n")
    assert names(inventory, f"@{path},x1") == ["dba", "lone", "x1"]
    assert "No such file" in mistake(inventory, "@absent,web")
    assert "Is a directory" in mistake(inventory, f"@{tmp_path},web")
    path.write_bytes(b"\xff")
    assert "decode" in mistake(inventory, f"@{path},web")


def test_a_file_of_terms_is_limited(
    inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patterns, "TERM_FILE_BYTES_MAX", 4)
    path = tmp_path / "failed"
    path.write_text("dba\n")
    assert names(inventory, f"@{path},dba") == ["dba"]
    path.write_text("dba\n\n")
    assert "is larger than 4 bytes" in mistake(inventory, f"@{path},dba")


def test_an_obstacle_is_told_once_with_its_hosts(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text("win: {hosts: {'win[1:9]': }, vars: {ansible_connection: winrm}}\nweb: {hosts: {a: }}\n")
    assert mistake(load(path), "all") == (
        "inventory.yaml: win.vars.ansible_connection, line 1: the connection 'winrm' is not supported;"
        " it concerns win1, win2, win3 and 6 more (use ssh or local, or exclude the host with '!')\n"
        "--hosts: 9 of 10 hosts cannot be swept (to leave them out: --hosts 'all,!win')"
    )
    assert names(load(path), "all,!win") == ["a"]


@pytest.mark.parametrize(
    ("pattern", "without"),
    [
        ("all", "all,!win,!db1"),  # a group by its name, but not one with a host that can be swept
        ("db:win1", "db,win1,!db1,!win1"),
        ("all:&db", "all,&db,!db1"),
        ("db1", ""),  # nothing would be left
        ("web", ""),  # nothing is to be left out
    ],
)
def test_the_pattern_without_the_hosts_that_cannot_be_swept(
    tmp_path: Path, pattern: str, without: str
) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(
        "win: {hosts: {'win[1:9]': }, vars: {ansible_connection: winrm}}\n"
        "db: {hosts: {db1: {ansible_connection: docker}, db2: }}\nweb: {hosts: {a: }}\n"
    )
    inventory = load(path)
    hosts = matching(inventory, pattern)
    assert pattern_without(inventory, pattern, hosts) == without
    if without:
        assert names(inventory, without) == [
            each.name for each in hosts if each.name not in inventory.obstacles
        ]


def test_a_pattern_for_people_is_never_long(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text("a:\n  hosts:\n    'a[1:21]': {ansible_connection: docker}\n    b:\n")
    assert "to leave them out" not in mistake(load(path), "all")
    assert "to leave them out" in mistake(load(path), "all,!a21")
