"""Host patterns like Ansible's, except that a term without a match is a mistake.

Terms are separated by `,`, or by `:` if there is no comma. Plain terms are joined in order, then every
`&` term intersects, then every `!` term subtracts, whatever their order. A term is the name of a host or a
group, a glob, either of them with a subscript, a `~` regular expression, or `@FILE` with one term per line.
"""

import difflib
import fnmatch
import itertools
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from collector.inventory import host_range
from collector.inventory.group_graph import ALL
from collector.inventory.inventory import LOCALHOSTS, Inventory
from domain.mistakes import Mistake, OperatorError
from domain.records import Host

TERM_FILE_BYTES_MAX = 16 * 2**20
SUGGESTIONS_MAX = 3
_COMPARED_MAX = 10_000  # names compared for a suggestion: some tenths of a second
_LENGTH_APART = 3
_HOSTS_SHOWN = 3
_LEFT_OUT_MAX = 20  # terms that are added to a pattern for people
OPTION = "--hosts"

_COLON_TERM = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")
_SUBSCRIPT = re.compile(r"(?P<stem>.+)\[(?:(?P<index>-?[0-9]+)|(?P<first>[0-9]+)[:-](?P<last>[0-9]*))\]")
_GLOB_SIGNS = frozenset(".?*[")
_SIGNS = re.compile(r"[~*?]|\[[^\]]*\]?")


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a pattern and where it was given."""

    text: str
    place: str

    @property
    def sign(self) -> str:
        return self.text[0] if self.text[0] in "!&" else ""

    @property
    def name(self) -> str:
        """The term without its sign."""
        return self.text[1:] if self.sign else self.text


def select(inventory: Inventory, pattern: str, place: str = OPTION) -> tuple[Host, ...]:
    """The hosts that a pattern names, in Ansible's order.

    OperatorError if a term or the whole pattern matches nothing, or if a selected host cannot be swept as the
    inventory describes it; it then has the pattern without these hosts.
    """
    hosts = matching(inventory, pattern, place)
    stopped = obstructed(inventory, hosts)
    if stopped:
        count = len({name for names in stopped.values() for name in names})
        problem = f"{count:,} of {len(hosts):,} {'host' if len(hosts) == 1 else 'hosts'} cannot be swept"
        without = pattern_without(inventory, pattern, hosts)
        mistakes = [obstacle_of(cause, names) for cause, names in stopped.items()]
        if without:
            option = f"{OPTION} " if place == OPTION else ""
            mistakes.append(Mistake(place, problem, f"to leave them out: {option}{shlex.quote(without)}"))
        raise OperatorError(*mistakes)
    return hosts


def matching(inventory: Inventory, pattern: str, place: str = OPTION) -> tuple[Host, ...]:
    """Also the hosts that cannot be swept; OperatorError if a term or the pattern matches nothing."""
    terms = _terms(pattern, place)
    matches = _matches(inventory, terms)
    selected = _combine(inventory, matches)
    if not selected and not inventory.hosts:
        raise OperatorError(
            Mistake(inventory.label, "has no hosts", "name at least one, in a group or alone")
        )
    if not selected:
        counts = ", ".join(f"{term.text} has {len(found)}" for term, found in matches.items())
        raise OperatorError(Mistake(place, f"{pattern!r} selects no host", counts))
    return tuple(inventory.hosts.get(name, inventory.localhost) for name in selected)


def obstructed(inventory: Inventory, hosts: Iterable[Host]) -> dict[Mistake, list[str]]:
    """What keeps these hosts from being swept: each cause once, with the names of its hosts."""
    concerned: dict[Mistake, list[str]] = {}
    for host in hosts:
        for obstacle in inventory.obstacles.get(host.name, ()):
            concerned.setdefault(obstacle, []).append(host.name)
    return concerned


def obstacle_of(cause: Mistake, names: list[str]) -> Mistake:
    """A cause with the first of its hosts."""
    return replace(cause, problem=f"{cause.problem}; it concerns {_some(names)}")


def pattern_without(inventory: Inventory, pattern: str, hosts: Iterable[Host]) -> str:
    """A pattern for those of its hosts that can be swept; "" if none can, or if it would be long.

    A group is left out by its name if no other host of the pattern is in it.
    """
    names = [host.name for host in hosts]
    stopped = {name for name in names if name in inventory.obstacles}
    swept = [name for name in names if name not in stopped]
    if not swept or not stopped:
        return ""
    left_out, rest = [], set(stopped)
    members = {name: set(inventory.members(name)) for name in inventory.groups}
    for group in sorted(members, key=lambda name: -len(members[name] & stopped)):
        if len(members[group] & rest) > 1 and members[group].isdisjoint(swept):
            left_out.append(group)
            rest -= members[group]
    left_out += [name for name in names if name in rest]
    if len(left_out) > _LEFT_OUT_MAX:
        return ""
    without = ",".join((*split(pattern), *(f"!{name}" for name in left_out)))
    try:  # a name may have a sign that means something in a pattern
        found = [host.name for host in matching(inventory, without)]
    except OperatorError:
        return ""
    return without if found == swept else ""


def split(pattern: str) -> list[str]:
    """A pattern's terms as text; a colon within a name, an address or a range is not a separator."""
    if "," in pattern:
        texts = pattern.split(",")
    elif host_range.split_port(pattern) is not None:
        texts = [pattern]
    else:
        texts = _COLON_TERM.findall(pattern)
    return [text.strip() for text in texts if text.strip()]


def _terms(pattern: str, place: str) -> list[Term]:
    terms: list[Term] = []
    mistakes: list[Mistake] = []
    for text in split(pattern):
        if text.startswith("@"):
            try:
                terms.extend(_terms_of_file(text[1:], place))
            except OSError as error:
                mistakes.append(Mistake(place, f"{text}: {error.strerror}"))
            except ValueError as error:
                mistakes.append(Mistake(place, f"{text}: {error}"))
        else:
            terms.append(Term(text, place))
    mistakes.extend(
        Mistake(term.place, f"{term.text!r} names nothing", "put a name after it")
        for term in terms
        if not term.name
    )
    if not terms and not mistakes:
        mistakes.append(Mistake(place, "the pattern is empty", "all names every host"))
    if mistakes:
        raise OperatorError(*mistakes)
    return terms


def _terms_of_file(path: str, place: str) -> list[Term]:
    """One term per line; ValueError if the file is not text."""
    with Path(path).expanduser().open("rb") as file:
        content = file.read(TERM_FILE_BYTES_MAX + 1)
    if len(content) > TERM_FILE_BYTES_MAX:
        raise ValueError(f"is larger than {TERM_FILE_BYTES_MAX} bytes")
    lines = content.decode().split("\n")
    return [
        Term(line.strip(), f"{place} @{path}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]


def _matches(inventory: Inventory, terms: Iterable[Term]) -> dict[Term, list[str]]:
    """What each term names; OperatorError with every term that names nothing."""
    matches: dict[Term, list[str]] = {}
    mistakes: list[Mistake] = []
    for term in terms:
        try:
            exact = not term.sign and term.text in inventory.hosts
            found = [term.text] if exact else _match(inventory, term.name)
        except ValueError as error:
            mistakes.append(Mistake(term.place, f"{term.text!r} {error}"))
            continue
        if not found and term.name not in inventory.groups:
            mistakes.append(
                Mistake(
                    term.place, f"{term.text!r} matches no host and no group", _near(inventory, term.name)
                )
            )
        matches[term] = found
    if mistakes:
        raise OperatorError(*mistakes)
    return matches


def _combine(inventory: Inventory, matches: dict[Term, list[str]]) -> list[str]:
    """Plain terms first, then intersections, then exclusions, whatever order they are typed in."""
    plain = [term for term in matches if not term.sign]
    selected = dict.fromkeys(name for term in plain for name in matches[term])
    if not plain:
        selected = dict.fromkeys(inventory.members(ALL))
    for term, found in matches.items():
        if term.sign == "&":
            kept = set(found)
            selected = {name: None for name in selected if name in kept}
    for term, found in matches.items():
        if term.sign == "!":
            for name in found:
                selected.pop(name, None)
    return list(selected)


def _match(inventory: Inventory, text: str) -> list[str]:
    """The hosts that a term without its sign names; a host may occur twice, and a subscript counts it twice.

    ValueError for a bad regular expression and for a subscript beyond the end.
    """
    subscript = None if text.startswith("~") else _SUBSCRIPT.fullmatch(text)
    if subscript is None:
        return _named(inventory, text)
    found = _named(inventory, subscript["stem"])
    if not found:
        return []
    index = subscript["index"] or subscript["first"]
    last = int(subscript["last"] or len(found) - 1) if subscript["first"] else 0
    if last:
        return found[int(index) : last + 1]
    try:
        return [found[int(index)]]
    except IndexError as error:
        raise ValueError(f"has no host number {index}: {subscript['stem']!r} has {len(found)}") from error


def _named(inventory: Inventory, text: str) -> list[str]:
    """Groups come first; hosts are compared if no group has the name, and for globs and expressions."""
    try:
        form = re.compile(text[1:] if text.startswith("~") else fnmatch.translate(text))
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    groups = [name for name in inventory.groups if form.match(name)]
    found = [host for group in groups for host in inventory.members(group)]
    if not groups or text.startswith("~") or _GLOB_SIGNS & set(text):
        found.extend(name for name in inventory.hosts if form.match(name))
    if not found and text in LOCALHOSTS:
        return [inventory.localhost.name]
    return found


def _near(inventory: Inventory, text: str) -> str:
    """Names like the one that matched nothing; for a glob, first beginnings or endings of hosts as globs."""
    pieces = _SIGNS.split(text.removeprefix("~"))
    stem = pieces[0] or pieces[-1]
    if not stem:
        return ""
    hosts = (
        name
        for name in inventory.hosts
        if abs(len(name) - len(stem)) <= _LENGTH_APART and (name[:1] == stem[:1] or name[-3:] == stem[-3:])
    )
    cut = len(stem)
    globs = (f"{name[:cut]}*" if pieces[0] else f"*{name[-cut:]}" for name in inventory.hosts)
    is_glob = text != stem
    found = _like(stem, itertools.chain(inventory.groups, globs if is_glob else hosts))
    found = found or _like(stem, hosts)
    return f"did you mean {' or '.join(found)}?" if found else ""


def _like(stem: str, names: Iterable[str]) -> list[str]:
    few = itertools.islice(dict.fromkeys(names), _COMPARED_MAX)
    return difflib.get_close_matches(stem, few, n=SUGGESTIONS_MAX)


def _some(names: list[str]) -> str:
    more = len(names) - _HOSTS_SHOWN
    return ", ".join(names[:_HOSTS_SHOWN]) + (f" and {more} more" if more > 0 else "")
