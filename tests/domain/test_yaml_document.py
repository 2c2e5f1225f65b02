"""YAML trees, against PyYAML's own safe loader."""

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from domain import yaml_document
from domain.mistakes import OperatorError
from domain.yaml_document import Encrypted, Mapping, entries, parse, plain

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.dates()
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)
LINES = st.lists(
    st.sampled_from(
        [
            "a: &a {x: 1}", "b: *a", "c: {<<: *a, y: 2}", "d: {<<: [*a, {x: 3, z: 4}], x: 5}", "- a",
            "a: [1, yes, ~]", "e: 0o17", "e: 017", "f: 12:30", "g: 2020-01-01", "h: '5'", "<<: {k: v}",
            "1: a", "'1': b", "  x: y", "k: |", "   t", "l: &a 5",
        ]
    ),
    max_size=8,
)  # fmt: skip


@given(VALUES)
def test_means_what_the_safe_loader_means(value: object) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert plain(parse(text.encode(), "t").root) == yaml.safe_load(text)


@given(LINES)
def test_merges_and_errors_as_the_safe_loader(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        expected = yaml.safe_load(text)
    except yaml.YAMLError:
        with pytest.raises(OperatorError):
            parse(text.encode(), "t")
        return
    tree = plain(parse(text.encode(), "t").root)
    assert tree == expected
    assert not isinstance(tree, dict) or list(tree) == list(expected)


@pytest.mark.parametrize("merged", ["[*a, *b]", "[*b, *a]", "[*a, {k: 3, n: 4}, *b]"])
def test_of_several_merged_mappings_the_same_wins_as_with_the_safe_loader(merged: str) -> None:
    text = f"a: &a {{k: 1, l: 1}}\nb: &b {{k: 2, l: 2, m: 2}}\nc: {{m: 5, <<: {merged}}}\n"
    assert plain(parse(text.encode(), "t").root) == yaml.safe_load(text)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_tree_or_a_mistake(text: bytes) -> None:
    try:
        parse(text, "t")
    except OperatorError as error:
        said = str(error)
    else:
        return
    assert said.startswith("t: ")


def test_json_is_yaml() -> None:
    value = {"a": [1, 2.5, None, True, "x\n\u00e9/"], "b": {"c": {}}}
    assert plain(parse(json.dumps(value, indent=1).encode(), "t").root) == value


def test_lines_and_duplicates() -> None:
    document = parse(b"a: 1\nb:\n  c: 2\n  c: 3\n", "t")
    assert document.warnings == ("t: line 4: 'c' is given twice; the last one is used",)
    assert isinstance(document.root, Mapping)
    ((_, first), (_, second)) = entries(document.root)
    assert (first.line, second.line) == (1, 3)
    assert plain(document.root) == {"a": 1, "b": {"c": 3}}


def test_tags() -> None:
    tree = plain(parse(b"a: !vault x\nb: !unsafe 5\nc: !!str 5\nd: ! 5\n", "t").root)
    assert isinstance(tree, dict)
    assert isinstance(tree["a"], Encrypted)
    assert (tree["b"], tree["c"], tree["d"]) == (5, "5", "5")


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deepest = b"[" * yaml_document.DEPTH_MAX + b"]" * yaml_document.DEPTH_MAX
    parse(deepest, "t")
    for text in (b"[" + deepest + b"]", b"a: &a " + deepest[1:-1] + b"\nb: [*a]\n", b"[" * 1_000_000):
        with pytest.raises(OperatorError, match="nested more than 100 levels"):
            parse(text, "t")
    monkeypatch.setattr(yaml_document, "NODES_MAX", 4)
    parse(b"[1, 2, 3]", "t")
    with pytest.raises(OperatorError, match="more than 4 values"):
        parse(b"[1, 2, 3, 4]", "t")
    monkeypatch.setattr(yaml_document, "FILE_BYTES_MAX", 4)
    path = tmp_path / "x"
    path.write_bytes(b"abcd")
    assert yaml_document.read(path).label == "x"
    path.write_bytes(b"abcde")
    with pytest.raises(OperatorError, match=re.escape("x: is larger than 4 bytes")):
        yaml_document.read(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"web:\n\thosts:\n", "a: line 2: is not YAML: a tab is no indentation (indent with blanks)"),
        (
            b"\xef\xbb\xbf\xc3\xa4: \n  b: @x\n",
            "a: line 2: is not YAML: @ cannot begin a value (put the value in quotation marks)",
        ),
    ],
)
def test_a_character_that_begins_no_value_is_named(text: bytes, problem: str) -> None:
    with pytest.raises(OperatorError) as caught:
        parse(text, "a")
    assert str(caught.value) == problem
