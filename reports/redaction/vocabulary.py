"""The names of a run's hosts and containers wherever they stand in a text, and those in their place."""

import re
from bisect import bisect_left
from collections.abc import Iterable
from itertools import islice, takewhile
from typing import Final

import polars as pl

from archive.tables import ARGUMENTS_LENGTH_MAX
from domain.records import Host
from procmaps.arguments import SIGNATURE_LIMIT_BYTES
from reports.redaction import spelling
from reports.redaction.known import COMM_BYTES, Known
from reports.redaction.names import REDACTED, Redaction, each

_DOMAIN: Final = "domain"
_SERVICE_ARGUMENTS: Final = re.compile(r"\s.*", re.DOTALL)
_CUT_LENGTH_MIN: Final = 6  # characters of a name by which it is known where it is cut
_NAMED_PROCESS: Final = re.compile(r"(.*) (\(\d+\))", re.DOTALL)
_WORD: Final = re.compile(r"[^\W_]+")
_CHARACTER_BYTES: Final = 3  # of one that was cut itself, at most


class Vocabulary:
    """What a run knows by name, however it is written, and every address and hexadecimal id."""

    def __init__(self, redaction: Redaction, known: Known, hosts: Iterable[Host] = ()) -> None:
        self._redaction = redaction
        self._scripts = known.scripts
        self._in_place: dict[str, str] = {}  # by folded name
        self._is_bounded: dict[str, bool] = {}  # by name, the first of those that fold to the same
        if redaction.what.is_of_hosts:
            self._learn(known.hosts, tuple(hosts))
            self._learn_containers(known.containers)
        pattern = spelling.pattern_of(self._is_bounded)
        anything = re.compile(f"{pattern}|{spelling.SHAPES}" if pattern else spelling.SHAPES, re.IGNORECASE)
        of_hosts = ((spelling.COLONS, self._of_colons), (anything, self._other))  # one after the other
        self._passes = of_hosts if redaction.what.is_of_hosts else ()
        self._known = sorted(map(spelling.folded, self._is_bounded))

    def _learn(self, names: frozenset[str], hosts: tuple[Host, ...]) -> None:
        """Names before what is made of them, so that a host has one name however it is written."""
        pseudonym = self._redaction.pseudonym
        every = sorted(names | {host.name for host in hosts})
        for name in every:
            self._add(name, pseudonym("host", name))
        for host in sorted(hosts, key=lambda host: host.name):
            for other in (host.address, host.host_key_alias):
                if other:
                    self._add(other, pseudonym("address", other))
        domains = set()
        for name in (
            *every,
            *sorted({other for host in hosts for other in (host.address, host.host_key_alias)}),
        ):
            short, _, domain = name.partition(".")
            if domain and not spelling.is_address(name):
                self._add(short, self._in_place[spelling.folded(name)])
                self._add(domain, pseudonym(_DOMAIN, domain.lower()))
                domains.add(domain.lower())
        for domain in sorted(domains):
            for other in spelling.domains_above(domain):
                self._add(other, pseudonym(_DOMAIN, other), is_bounded=True)

    def _learn_containers(self, containers: frozenset[str]) -> None:
        """Those with an id are found by its shape, whose first digits are what the run knows of it."""
        for container in sorted(containers - {""}):
            given = self._redaction.pseudonym("container", container)
            if re.fullmatch(rf"[0-9a-f]{{{spelling.ID_DIGITS}}}", container):
                self._in_place.setdefault(container, given)
                continue
            for name in spelling.container_names(container):
                self._add(name, given, is_bounded=True)

    def _add(self, name: str, given: str, *, is_bounded: bool = False) -> None:
        known = spelling.folded(name)
        if not known:
            return
        if spelling.is_address(name):  # found by its shape, whole
            self._in_place.setdefault(spelling.address_of(name), given)
            return
        if known not in self._in_place:
            self._in_place[known] = given
            self._is_bounded[name] = is_bounded

    def names_host(self, text: str) -> bool:
        """Whether the name or address of a host is in a text; its domain alone is none."""
        text = spelling.plain(text)
        others = (
            (found[0], other(found)) for pattern, other in self._passes for found in pattern.finditer(text)
        )
        return any(name != other and not other.startswith(f"{_DOMAIN}-") for name, other in others)

    def told(self, text: str) -> str:
        """A text with other names in place of those that others must not know."""
        for pattern, other in self._passes:
            text = spelling.replaced(pattern, other, text)
        return text

    def _of_colons(self, found: re.Match[str]) -> str:
        return spelling.without_addresses(found[0], self._address)

    def _address(self, address: str) -> str:
        return self._in_place.get(address) or self._redaction.pseudonym("address", address)

    def _other(self, found: re.Match[str]) -> str:
        name = found[0]
        if found[spelling.ADDRESS] is not None:
            return self._address(spelling.address_of(name)) if spelling.is_of_bytes(name) else name
        if found[spelling.ID] is not None:
            digits = re.sub("[-_]", "", name).lower()
            known = self._in_place.get(digits[: spelling.ID_DIGITS])
            return known or self._redaction.pseudonym("id", digits)
        # without one: a letter that counts as another one where case is ignored
        return self._in_place.get(spelling.folded(name), REDACTED)

    def texts(self, texts: pl.Series) -> pl.Series:
        """A column of texts, as `told` tells them: only those that may hold something are looked at."""
        if not self._redaction.what.is_of_hosts:
            return texts
        different = texts.unique().drop_nulls()
        folded = pl.Series([spelling.folded(text) for text in different.to_list()], dtype=pl.String)
        holding = different.filter(folded.str.contains_any(self._known) | folded.str.contains(spelling.MAYBE))
        told = {text: self.told(text) for text in holding.to_list()}
        return texts.replace(told) if told else texts

    def processes(self, names: pl.Series) -> pl.Series:
        """A column of names of processes, with or without a pid after them."""
        return each(names, self.process)

    def process(self, name: str) -> str:
        """The name of a process, which may be that of a script, or that of a host as the kernel cut it."""
        with_pid = _NAMED_PROCESS.fullmatch(name)
        if with_pid:
            return f"{self.process(with_pid[1])} {with_pid[2]}"
        if name in self._scripts:
            return self._redaction.pseudonym("args", name)
        if self._known and len(name.encode()) >= COMM_BYTES:
            for word in _WORD.finditer(name):
                if known := self._beginning_with(spelling.folded(name[word.start() :])):
                    return self.told(name[: word.start()]) + known
        return self.told(name)

    def _beginning_with(self, cut: str) -> str:
        """What is in place of the one name that begins so; "" if none does."""
        if len(cut) < _CUT_LENGTH_MIN:
            return ""
        first = bisect_left(self._known, cut)
        begun = takewhile(lambda name: name.startswith(cut), islice(self._known, first, None))
        others = {self._in_place[name] for name in begun}
        return "" if not others else others.pop() if len(others) == 1 else REDACTED

    def services(self, names: pl.Series) -> pl.Series:
        """A column of services; one without a unit is named after its program and its arguments."""
        if not self._redaction.what.is_of_arguments:
            return self.texts(each(names, self._without_half_a_flag))
        told = self.texts(names)
        return each(told, lambda name: _SERVICE_ARGUMENTS.sub(self._arguments, name))

    def _without_half_a_flag(self, service: str) -> str:
        """A service whose arguments were cut, perhaps within a name; another one stays another one."""
        program, blank, arguments = service.partition(" ")
        whole = without_half_a_word(arguments, SIGNATURE_LIMIT_BYTES)
        if whole == arguments:
            return service
        return f"{program}{blank}{whole.removesuffix(REDACTED)}{self._redaction.pseudonym('args', arguments)}"

    def _arguments(self, found: re.Match[str]) -> str:
        return f" {self._redaction.pseudonym('args', found[0])}"


def without_half_a_word(text: str, most_bytes: int = ARGUMENTS_LENGTH_MAX) -> str:
    """A command line without its last word, if it was cut after so many bytes, perhaps within a name."""
    if len(text.encode("utf-8", "surrogateescape")) < most_bytes - _CHARACTER_BYTES:
        return text
    return f"{text.rpartition(' ')[0]} {REDACTED}".lstrip()
