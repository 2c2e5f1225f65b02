"""YAML files as a tree with line numbers, read within limits.

PyYAML is imported here alone. Values mean what its safe loader makes of them, as in Ansible: YAML 1.1, merge
keys, the last of two equal keys counts. Nothing is built of a scalar until it is asked for.

The tree is built of the parser's events, not by yaml.compose, which recurses before a limit can be looked at
(100,000 brackets end the process with PyYAML 6.0.1) and resolves every scalar, which takes twice the time.
"""

import os
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias, cast

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from domain.mistakes import Mistake, OperatorError
from domain.rights import refuse_if_all_may_write

FILE_BYTES_MAX = 64 * 2**20
DEPTH_MAX = 100
TOO_DEEP = f"is nested more than {DEPTH_MAX} levels deep (aliases counted in full)"
PARSER_TOO_DEEP = "exceeded maximum nesting depth"  # libyaml's own limit of 1000, with PyYAML 6.0.4
CANNOT_BEGIN = "found character that cannot start any token"  # as libyaml says it; PyYAML adds which one
NODES_MAX = 5_000_000  # each alias counts as all the values that it stands for

_LOADER: type[yaml.SafeLoader] = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
_VALUES = yaml.SafeLoader("")  # resolves and builds scalars; reads nothing
_STANDARD = "tag:yaml.org,2002:"
_TEXT, _MERGE, _EQUALS = (_STANDARD + name for name in ("str", "merge", "value"))
_SCALAR_TAGS = {_STANDARD + name for name in ("str", "int", "float", "bool", "null", "timestamp", "binary")}
_SAME_AS_PLAIN = {None, "!unsafe"}  # Ansible's tag against templating, which leaves the value unchanged
_ENCRYPTED = {"!vault", "!vault-encrypted"}


class Encrypted:
    """A value that is encrypted with ansible-vault and cannot be read here."""


class Scalar(NamedTuple):
    """A leaf: its text, its tag ("" if the text decides) and its line."""

    text: str
    tag: str
    line: int


class Sequence(NamedTuple):
    items: tuple["Node", ...]
    line: int


class Mapping(NamedTuple):
    pairs: tuple[tuple["Node", "Node"], ...]
    line: int
    plain: bool  # it has no merge key and no duplicate key


Node: TypeAlias = Scalar | Sequence | Mapping
Leaf: TypeAlias = str | int | float | bool | bytes | date | datetime | Encrypted | None
Plain: TypeAlias = "Leaf | list[Plain] | dict[Leaf, Plain]"


class Document(NamedTuple):
    """The tree of a file, its name in messages, and its warnings."""

    label: str
    root: Node | None  # None: only blanks and comments
    warnings: tuple[str, ...]


def read(path: Path, label: str = "") -> Document:
    """The one document in a file; OperatorError with its place if it is not one, or all may write it."""
    label = label or path.name
    refuse_if_all_may_write(path, label)
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise OperatorError(
            Mistake(label, f"cannot be read: {os.strerror(error.errno or 0)}", str(path))
        ) from error
    if len(text) > FILE_BYTES_MAX:
        raise OperatorError(Mistake(label, f"is larger than {FILE_BYTES_MAX} bytes"))
    return parse(text, label)


def parse(text: bytes, label: str) -> Document:
    """The one document in a text; OperatorError with the line if it is not one."""
    try:
        return _Composer(text.decode("utf-8-sig"), label).document()
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise OperatorError(
            Mistake(f"{label}: line {line}", "is not UTF-8", "save the file as UTF-8")
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{label}: line {mark.line + 1}" if mark else label
        if error.problem == PARSER_TOO_DEEP:
            raise OperatorError(Mistake(place, TOO_DEEP)) from error
        what, remedy = _said(error, text)
        raise OperatorError(Mistake(place, f"is not YAML: {what}", remedy)) from error
    except yaml.YAMLError as error:
        raise OperatorError(Mistake(label, f"is not YAML: {' '.join(str(error).split())}")) from error


def _said(error: yaml.MarkedYAMLError, text: bytes) -> tuple[str, str]:
    """What is wrong and what to do; of a character that begins no value YAML does not say which one it is."""
    mark = error.problem_mark
    if error.problem == CANNOT_BEGIN and mark is not None:
        lines = text.decode("utf-8-sig").split("\n")
        line = lines[mark.line] if mark.line < len(lines) else ""
        sign = line[mark.column : mark.column + 1]
        if sign == "\t":
            return "a tab is no indentation", "indent with blanks"
        if sign:
            return f"{sign} cannot begin a value", "put the value in quotation marks"
    return "; ".join(part for part in (error.context, error.problem) if part), ""


def value(node: Scalar) -> Leaf:
    """The value of a scalar; ValueError if its text does not fit its type."""
    tag = node.tag or _tag(node)
    if tag in (_TEXT, _MERGE, _EQUALS):
        return node.text
    if tag in _ENCRYPTED:
        return Encrypted()
    build = cast("Callable[[yaml.SafeLoader, yaml.Node], Leaf]", yaml.SafeLoader.yaml_constructors[tag])
    return build(_VALUES, yaml.ScalarNode(tag, node.text))


def entries(mapping: Mapping) -> Iterator[tuple[Node, Node]]:
    """Keys and values with merge keys resolved, each key once, in the order PyYAML gives them."""
    if mapping.plain:
        return iter(mapping.pairs)
    merged = [pair for key, source in mapping.pairs if _is_merge(key) for pair in _merged(source)]
    own = [pair for pair in mapping.pairs if not _is_merge(pair[0])]
    kept: dict[tuple[str, str], tuple[Node, Node]] = {}
    for key, item in merged + own:
        name = _key_name(key)
        kept[name] = (kept[name][0] if name in kept else key, item)
    return iter(kept.values())


def plain(node: Node | None) -> Plain:
    """The tree as Python values; ValueError if a scalar's text does not fit its type."""
    if node is None:
        return None
    if isinstance(node, Scalar):
        return value(node)
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {value(key): plain(item) for key, item in entries(node) if isinstance(key, Scalar)}


def tree(given: object, line: int) -> Node:
    """The tree of Python values such as JSON has; ValueError for other ones, or if it is too deep."""
    return _grown(given, line, 1)


def _grown(given: object, line: int, depth: int) -> Node:
    if depth > DEPTH_MAX:
        raise ValueError(TOO_DEEP)
    if isinstance(given, dict):
        pairs = [(_grown(key, line, depth + 1), _grown(item, line, depth + 1)) for key, item in given.items()]
        return Mapping(tuple(pairs), line, plain=True)
    if isinstance(given, list | tuple | set | frozenset):
        return Sequence(tuple(_grown(item, line, depth + 1) for item in given), line)
    if given is None:
        return Scalar("", _STANDARD + "null", line)
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float")):
        if isinstance(given, kind):
            return Scalar(repr(given).lower(), _STANDARD + name, line)
    return Scalar(str(given), _TEXT, line)


def _tag(node: Scalar) -> str:
    return cast("str", _VALUES.resolve(yaml.ScalarNode, node.text, (True, False)))  # type: ignore[no-untyped-call]


def _key_name(key: Node) -> tuple[str, str]:
    """The identity of a key: "1" is not 1."""
    return (key.text, key.tag or _tag(key)) if isinstance(key, Scalar) else ("", "")


def _is_merge(key: Node) -> bool:
    return isinstance(key, Scalar) and key.text == "<<" and not key.tag


def _merged(source: Node) -> Iterator[tuple[Node, Node]]:
    """The mappings of a merge key; the first one overrides the others, so it comes last."""
    if isinstance(source, Mapping):
        yield from entries(source)
    elif isinstance(source, Sequence):
        for item in reversed(source.items):
            yield from _merged(item)


class _Open:
    """A collection whose end has not been read."""

    __slots__ = ("anchor", "height", "is_mapping", "items", "line", "weight")

    def __init__(self, event: MappingStartEvent | SequenceStartEvent, line: int) -> None:
        self.is_mapping = isinstance(event, MappingStartEvent)
        self.anchor = event.anchor
        self.line = line
        self.items: list[Node] = []
        self.weight = 1  # number of values, with aliases counted in full
        self.height = 1  # number of levels

    def close(self) -> Sequence | Mapping:
        if not self.is_mapping:
            return Sequence(tuple(self.items), self.line)
        keys, values = self.items[::2], self.items[1::2]
        names = {key.text for key in keys if isinstance(key, Scalar)}
        return Mapping(
            tuple(zip(keys, values, strict=True)), self.line, len(names) == len(keys) and "<<" not in names
        )


class _Composer:
    """Builds the tree of a document from the parser's events, without recursion."""

    def __init__(self, text: str, label: str) -> None:
        self._label = label
        self._events = _LOADER(text)
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int, int] | None] = {}  # None: not complete yet
        self._root: Node | None = None
        self._warnings: list[str] = []

    def document(self) -> Document:
        documents = 0
        while not isinstance(event := cast("Event", self._events.get_event()), StreamEndEvent):  # type: ignore[no-untyped-call]
            if isinstance(event, ScalarEvent):
                self._declare(event.anchor, event)
                self._add(Scalar(event.value, self._scalar_tag(event), _line(event)), 1, 0, event.anchor)
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                self._close()
            elif isinstance(event, MappingStartEvent | SequenceStartEvent):
                self._begin(event)
            elif isinstance(event, AliasEvent):
                self._alias(event)
            elif isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._mistake(
                        _line(event), "a second document begins", "keep one document per file"
                    )
        return Document(self._label, self._root, tuple(self._warnings))

    def _begin(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        line = _line(event)
        if len(self._open) >= DEPTH_MAX:
            raise self._too_deep(line)
        if event.tag not in (*_SAME_AS_PLAIN, "!", _STANDARD + "map", _STANDARD + "seq"):
            raise self._mistake(line, f"the tag {event.tag} is not supported")
        self._declare(event.anchor, event)
        self._open.append(_Open(event, line))

    def _declare(self, anchor: str | None, event: Event) -> None:
        if anchor in self._anchors:
            raise self._mistake(_line(event), f"the anchor &{anchor} is given twice")
        if anchor:
            self._anchors[anchor] = None

    def _close(self) -> None:
        done = self._open.pop()
        node = done.close()
        if isinstance(node, Mapping) and not node.plain:
            self._check_keys(node)
        self._add(node, done.weight, done.height, done.anchor)

    def _add(self, node: Node, weight: int, height: int, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = (node, weight, height)
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        parent.items.append(node)
        parent.weight += weight
        parent.height = max(parent.height, height + 1)
        if len(self._open) + height > DEPTH_MAX:
            raise self._too_deep(node.line)
        if parent.weight > NODES_MAX:
            raise self._mistake(
                node.line, f"stands for more than {NODES_MAX} values (aliases counted in full)"
            )

    def _alias(self, event: AliasEvent) -> None:
        name = cast("str", event.anchor)
        if name not in self._anchors:
            raise self._mistake(_line(event), f"the alias *{name} has no anchor before it")
        anchored = self._anchors[name]
        if anchored is None:
            raise self._mistake(_line(event), f"the alias *{name} contains itself")
        self._add(*anchored, None)

    def _scalar_tag(self, event: ScalarEvent) -> str:
        if event.tag in _SAME_AS_PLAIN:
            return "" if event.implicit[0] or event.tag else _TEXT
        if event.tag == "!":
            return _TEXT
        if event.tag not in _SCALAR_TAGS | _ENCRYPTED:
            raise self._mistake(_line(event), f"the tag {event.tag} is not supported")
        return event.tag

    def _check_keys(self, mapping: Mapping) -> None:
        seen: set[tuple[str, str]] = set()
        for key, item in mapping.pairs:
            if not isinstance(key, Scalar):
                raise self._mistake(
                    key.line,
                    "a key is a list or a mapping; keys are plain text",
                    "put a template in quotation marks",
                )
            sources = item.items if isinstance(item, Sequence) else (item,)
            if _is_merge(key):
                if not all(isinstance(source, Mapping) for source in sources):
                    raise self._mistake(key.line, "<< takes a mapping or a list of mappings")
            elif (name := _key_name(key)) in seen:
                self._warnings.append(
                    f"{self._label}: line {key.line}: {key.text!r} is given twice; the last one is used"
                )
            else:
                seen.add(name)

    def _too_deep(self, line: int) -> OperatorError:
        return self._mistake(line, TOO_DEEP)

    def _mistake(self, line: int, problem: str, remedy: str = "") -> OperatorError:
        return OperatorError(Mistake(f"{self._label}: line {line}", problem, remedy))


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
