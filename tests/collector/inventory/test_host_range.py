"""Host keys, against ansible-core's own reading of them."""

import json
import random
import subprocess
import sys
from itertools import islice

import pytest

from collector.inventory import host_range
from collector.inventory.host_range import HostEntry, expand, read, split_port

_ORACLE = """
import json, sys
from ansible.parsing.utils.addresses import parse_address
from ansible.plugins.inventory import expand_hostname_range
def split(text):
    try:
        return parse_address(text, allow_ranges=True)
    except Exception:
        return None
def expand(text):
    try:
        return expand_hostname_range(text) if "[" in text else [text]
    except Exception:
        return None
json.dump([(split(text), expand(text)) for text in json.load(sys.stdin)], sys.stdout)
"""
_PIECES = (
    "a", "f", "1", "01", "10", "[1:3]", "[a:c]", "[01:02]", "[1:9:2]", "[a:f:2]", "[:3]", "[0:f]",
    "[3:1]", "[1:]", ":", "::", ".", "-", "_", "ffff", "0", "22", "é", "255", "256", " ", "*",
    "0:0:0:0:0:", "[1:2", "1:2]", "[]",
)  # fmt: skip


def test_reads_keys_as_ansible_does() -> None:
    chance = random.Random(3)
    texts = ["".join(chance.choices(_PIECES, k=chance.randint(1, 7))) for _ in range(20_000)]
    finished = subprocess.run(
        [sys.executable, "-c", _ORACLE], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    accepted = 0
    for text, (split, names) in zip(texts, json.loads(finished.stdout), strict=True):
        assert split_port(text) == (split and tuple(split)), text
        try:
            ours = list(expand(text))
        except ValueError:
            continue  # mapsweep refuses more: what runs backwards, what has a bracket without a partner
        accepted += 1
        assert ours == names, text
    assert accepted > 5_000


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("web", HostEntry(("web",), None)),
        ("web:2222", HostEntry(("web",), 2222)),
        ("web[08:10].x:22", HostEntry(("web08.x", "web09.x", "web10.x"), 22)),
        ("[fe80::1]:22", HostEntry(("fe80::1",), 22)),
        ("fe80::1", HostEntry(("fe80::1",), None)),
        ("r[a:b]h[1:3:2]", HostEntry(("rah1", "rah3", "rbh1", "rbh3"), None)),
        ("[y:B]", HostEntry(("y", "z", "A", "B"), None)),
    ],
)
def test_keys(key: str, expected: HostEntry) -> None:
    assert read(key) == expected


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("web[9:1]", "runs backwards"),
        ("web[c:a]", "runs backwards"),
        ("web[1]", "is not a range"),
        ("web[1:2:3:4]", "is not a range"),
        ("web[1:]", "has no end"),
        ("web[01:100]", "equally long"),
        ("web[1:5:0]", "the step must be"),
        ("web[1:5:x]", "the step must be"),
        ("web[1:x]", "from a number to a letter"),
        ("web[aa:bb]", "numbers or single letters"),
        ("web[-1:3]", "numbers or single letters"),
        ("web[1:2", "not closed"),
        ("web]1:2[", "not closed"),
        ("web[1:1000001]", "the limit is 1000000"),
        ("web[1:99999999999999999999]", "numbers or single letters"),
    ],
)
def test_bad_ranges(key: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(key)


def test_a_pattern_is_counted_before_it_is_written_out() -> None:
    assert len(list(islice(expand("h[0:999][0:999]"), 3))) == 3
    assert host_range.HOSTS_MAX == 10**6
    with pytest.raises(ValueError, match="stands for 1001000 hosts"):
        expand("h[0:1000][0:999]")
