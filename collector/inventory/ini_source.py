"""Reads an INI inventory into a gathering with the meaning of Ansible's `ini` plugin.

Sections are `[group]`, `[group:children]` and `[group:vars]`; hosts before the first one are in `ungrouped`.
A line of a host is split like a shell's; a value is a Python literal if it is one, or else text.
"""

import ast
import re
import shlex
import warnings
from dataclasses import dataclass, field

from collector.inventory import connection_variables
from collector.inventory.connection_variables import LABELS, Place
from collector.inventory.gathering import PRIORITY, Gathering, Section
from collector.inventory.group_graph import UNGROUPED
from domain import yaml_document
from domain.yaml_document import Mapping, Node, Scalar

LINES_MAX = 2_000_000
LINE_CHARS_MAX = 100_000
LITERAL_CHARS_MAX = 20_000  # a longer value is text: the compiler of literals takes much memory
BYTE_ORDER_MARK = "\ufeff"
_COMMENTS = ("#", ";")
_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_CHILD = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_STATES = ("hosts", "children", "vars")


@dataclass(slots=True)
class _Awaited:
    """A group that is named as a child, or given variables, before it has a section of its own."""

    line: int
    is_child: bool
    parents: list[str] = field(default_factory=list)


class IniSource:
    """The lines of an INI inventory."""

    def __init__(self, label: str, lines: list[str]) -> None:
        self._label = label
        self._lines = lines

    def into(self, gathering: Gathering) -> None:
        """Add its groups, hosts and variables."""
        _Pass(self._label, gathering).read(self._lines)


class _Pass:
    """One pass over the lines in their order."""

    def __init__(self, label: str, gathering: Gathering) -> None:
        self._label = label
        self._gathering = gathering
        self._group = UNGROUPED
        self._state = "hosts"
        self._awaited: dict[str, _Awaited] = {}

    def read(self, lines: list[str]) -> None:
        if len(lines) > LINES_MAX:
            place = Place(self._label, (), LINES_MAX + 1)
            self._gathering.mistake(place, f"has more than {LINES_MAX} lines", "split it")
            return
        if lines and lines[0].startswith(BYTE_ORDER_MARK):  # Ansible makes it a part of the first name
            problem = "begins with a byte order mark, which Ansible does not skip in INI either"
            place = Place(self._label, (), 1)
            self._gathering.mistake(place, problem, "save the file as UTF-8 without one")
            lines = [lines[0].removeprefix(BYTE_ORDER_MARK), *lines[1:]]
        for number, written in enumerate(lines, 1):
            line = written.strip()
            if not line or line.startswith(_COMMENTS):
                continue
            place = Place(self._label, (), number)
            if len(line) > LINE_CHARS_MAX:
                self._gathering.mistake(
                    place, f"is longer than {LINE_CHARS_MAX} characters", "split the line"
                )
            elif (header := _SECTION.fullmatch(line)) is not None:
                self._enter(header[1], header[2] or "hosts", place)
            elif line.startswith("[") and line.endswith("]"):
                self._gathering.mistake(
                    place, "is not a section: write [name], [name:children] or [name:vars]"
                )
            else:
                self._line(line, place)
        for name, awaited in self._awaited.items():
            what = "is a child" if awaited.is_child else "has variables"
            remedy = f"add a section [{name}]"
            if awaited.is_child and name in self._gathering.graph.hosts:
                remedy = f"it is a host: name it below [{awaited.parents[0]}]"
            self._gathering.mistake(
                Place(self._label, (name,), awaited.line), f"{what}, but there is no such group", remedy
            )

    def _enter(self, name: str, state: str, place: Place) -> None:
        """A section begins."""
        self._group, self._state = name, state
        if state not in _STATES:
            self._gathering.mistake(
                place, f"[{name}:{state}] is not a kind of section", f"there are {', '.join(_STATES)}"
            )
            return
        graph = self._gathering.graph
        if name not in graph.groups:
            if not self._gathering.is_name(name, place, "a group"):
                return
            if state == "vars" and name not in self._awaited:
                self._awaited[name] = _Awaited(place.line, is_child=False)
            graph.add_group(name)
        if name in self._awaited and state != "vars":
            if self._awaited[name].is_child:
                self._adopt(name, place)
            else:
                del self._awaited[name]

    def _adopt(self, name: str, place: Place) -> None:
        """The group that was awaited as a child now has a section."""
        waiting = [name]
        while waiting:
            child = waiting.pop()
            for parent in self._awaited.pop(child).parents:
                self._gathering.add_child(parent, child, place)
                if parent in self._awaited and self._awaited[parent].is_child and parent not in waiting:
                    waiting.append(parent)

    def _line(self, line: str, place: Place) -> None:
        if self._group not in self._gathering.graph.groups:
            return  # its section is a mistake already
        if self._state == "hosts":
            self._hosts(line, place)
        elif self._state == "vars":
            name, sign, written = line.partition("=")
            if not sign:
                remedy = "write = in place of :" if ":" in line else "one variable a line"
                self._gathering.mistake(place, f"must be name=value in [{self._group}:vars]", remedy)
                return
            self._gathering.assign(self._group, self._section({name.strip(): written.strip()}, place))
        elif self._state == "children":
            self._child(line, place)

    def _child(self, line: str, place: Place) -> None:
        match = _CHILD.fullmatch(line)
        if match is None:
            problem = f"must be the name of a group in [{self._group}:children]"
            remedy = "one name a line; the variables of a group belong below [name:vars]"
            self._gathering.mistake(place, problem, remedy)
        elif match[1] in self._gathering.graph.groups:
            self._gathering.add_child(self._group, match[1], place)
        else:
            awaited = self._awaited.setdefault(match[1], _Awaited(place.line, is_child=True))
            awaited.parents.append(self._group)

    def _hosts(self, line: str, place: Place) -> None:
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            self._gathering.mistake(place, f"cannot be split into words: {error}", "close the quotation mark")
            return
        if not words:
            return
        name, given = words[0], {}
        for word in words[1:]:
            key, sign, written = word.partition("=")
            if not sign:
                self._gathering.mistake(place, f"{word[:80]!r} must be name=value", _remedy(name, word))
                return
            given[key] = written
        at = Place(self._label, (name[:80],), place.line)
        if name == "---" or name.rstrip().endswith(":"):
            remedy = "leave ':' out; or, if this is YAML, call the file hosts.yaml"
            self._gathering.mistake(at, "is not the name of a host", remedy)
        elif self._gathering.is_name(name, at, "a host"):
            self._gathering.add_hosts(name, self._group, self._section(given, at), at)

    def _section(self, given: dict[str, str], place: Place) -> Section:
        """The variables of one line."""
        pairs = [
            (Scalar(name, "", place.line), _node(name, text, place.line)) for name, text in given.items()
        ]
        at = place.path or (self._group, "vars")
        return self._gathering.section(Mapping(tuple(pairs), place.line, plain=True), at, self._label)


def _remedy(name: str, word: str) -> str:
    """What to write in place of a line of a host with a word that is no variable."""
    if name == "-" or name.endswith(","):
        return "one host a line, without '-' and ','"
    if word.startswith(";"):
        return "a comment behind a host begins with #"
    return "one host a line, no blanks around =, and quotes around text with blanks"


def _node(name: str, text: str, line: int) -> Node:
    """A value; a number is text, because Ansible turns it into text where text is wanted.

    So is True of a variable that is read: no quotation marks in the file would make text of `True`.
    """
    value = _literal(text)
    is_text = not isinstance(value, bool) or connection_variables.counts(name)
    if isinstance(value, int | float | complex) and is_text and name not in (LABELS, PRIORITY):
        value = str(value)
    try:
        return yaml_document.tree("..." if value is ... else value, line)
    except ValueError:
        return yaml_document.tree(text, line)


def _literal(text: str) -> object:
    """The Python literal that a text is, or else the text."""
    if len(text) > LITERAL_CHARS_MAX:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # the latter two: nested too deep
        return text
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
