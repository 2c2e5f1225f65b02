r"""How names, addresses and ids are written in units, paths and process names, and one form for all of it.

systemd writes `-` in a name as `\x2d`, Python and Docker as `_`, Java packages turn a domain round, and AWS
writes an address with `-`. What is compared here is read through all of that.
"""

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from itertools import accumulate, groupby
from os.path import commonprefix
from typing import Final

BOUNDED_LENGTH_MAX: Final = 3  # a name as short as `db` counts only as a whole word: it is in many others
ID_DIGITS: Final = (
    12  # hexadecimal digits from which on a number identifies something, as docker ps prints them
)
_DEPTH_MAX: Final = 40  # of a pattern: re reads one by recursion, and hosts choose the names of containers
ADDRESS: Final = "address"
ID: Final = "id"
# \x2d of systemd, \x5cx2d where a name was escaped twice, %2d of URLs: printable ASCII alone
_ESCAPE: Final = re.compile(r"(?:\\(?:x5c)*x|%)([2-7][0-9a-f])", re.IGNORECASE)
_SEPARATORS: Final = "[-_.]"
_OCTET: Final = r"\d{1,3}"
_OCTETS: Final = (  # only digits bound it: openvpn-10.1.2.3, x_10.1.2.3_y. Some versions look like one
    rf"(?<!\d){_OCTET}(?P<between>{_SEPARATORS}){_OCTET}(?:(?P=between){_OCTET}){{2,}}(?!\d)"
)
_ID: Final = (
    r"[0-9a-f]{8}(?P<dash>[-_])[0-9a-f]{4}(?:(?P=dash)[0-9a-f]{4}){2}(?P=dash)[0-9a-f]{12}"
    rf"|[0-9a-f]{{{ID_DIGITS},}}"
    r"|(?<![0-9a-f])[0-9a-f]{2}(?:[-_][0-9a-f]{2}){5}(?![0-9a-f])"  # of a network card
)
SHAPES: Final = rf"(?P<{ID}>{_ID})|(?P<{ADDRESS}>{_OCTETS})"
COLONS: Final = re.compile(r"(?<![^\W_:])[^\W_]*(?::[^\W_]*){2,}")  # IPv6, MAC, and what is like it
MAYBE: Final = (  # in a folded text that may hold one
    rf"\d-\d+-\d+-\d|:[0-9a-z]*:|[0-9a-f]{{{ID_DIGITS}}}|[0-9a-f]{{2}}(-[0-9a-f]{{2}}){{5}}"
)
_GROUP: Final = re.compile("[0-9a-f]{0,4}|[0-9]{5}", re.IGNORECASE)  # of an address, or the port after it
_MAC: Final = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", re.IGNORECASE)
_GROUPS: Final = 8  # of an address without ::
_OCTET_MAX: Final = 255
_VIRTUAL_MACHINE: Final = re.compile(r"(?:qemu|lxc|xen|ch|bhyve)-\d+-(.+)")  # as libvirt names it to systemd


def plain(text: str) -> str:
    r"""A text with `\x2d` and `%2d` read."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


def folded(text: str) -> str:
    """A text in the one form in which names are compared."""
    return plain(text).casefold().replace("_", "-").replace(".", "-")


def pattern_of(names: Mapping[str, bool]) -> str:
    """What finds names, the longest first, whatever case and joins; given for each: if it is bounded.

    Names that begin alike share their beginning: one after the other, 10,000 of them cost 0.2 ms a character.
    """
    rests = []
    for name, is_bounded in names.items():
        small = (letter.lower() if len(letter.lower()) == 1 else letter for letter in plain(name))
        text = re.sub(_SEPARATORS, "-", "".join(small))
        around = rf"(?![^\W_])(?<![^\W_][\s\S]{{{len(text)}}})"  # looks back at what is before the name
        rests.append((text, around if is_bounded or len(text) <= BOUNDED_LENGTH_MAX else ""))
    return _alternatives(sorted(rests), 0)


def _alternatives(rests: list[tuple[str, str]], depth: int) -> str:
    """Of what is left of names, in their order, and of what must hold behind each."""
    if depth == _DEPTH_MAX or len(rests) == 1:
        longest_first = sorted(rests, key=lambda rest: -len(rest[0]))
        return "|".join(f"{_joined(rest)}{around}" for rest, around in longest_first)
    branches = []
    for letter, some in groupby(rests, lambda rest: rest[0][:1]):
        begun = list(some)
        if not letter:
            continue
        shared = commonprefix([rest for rest, _ in begun])  # noqa: RUF071 - letter by letter
        within = _alternatives([(rest[len(shared) :], around) for rest, around in begun], depth + 1)
        branches.append(f"{_joined(shared)}(?:{within})")
    return "|".join((*branches, *(around for rest, around in rests if not rest)))


def _joined(text: str) -> str:
    return _SEPARATORS.join(re.escape(part) for part in text.split("-"))


def replaced(pattern: re.Pattern[str], other: Callable[[re.Match[str]], str], text: str) -> str:
    """`pattern.sub` of the text without escapes; those outside of what is found stay as they are written."""
    escapes = list(_ESCAPE.finditer(text))
    if not escapes:
        return pattern.sub(other, text)
    # an escape is one character of what is searched
    lengths = [len(escape[0]) - 1 for escape in escapes]
    before = [*accumulate(lengths, initial=0)]
    ends = [escape.end() - before[number + 1] for number, escape in enumerate(escapes)]

    def written(place: int) -> int:
        return place + before[bisect_right(ends, place)]

    pieces: list[str] = []
    end = 0
    for found in pattern.finditer(plain(text)):
        given = other(found)
        if given != found[0]:
            pieces += text[end : written(found.start())], given
            end = written(found.end())
    return "".join((*pieces, text[end:]))


def without_addresses(text: str, other: Callable[[str], str]) -> str:
    """What `COLONS` finds, with something else in place of the addresses in it: `udp:fe80::1:53`."""
    pieces = []
    for is_like_one, some in groupby(text.split(":"), lambda group: _GROUP.fullmatch(group) is not None):
        groups = ":".join(some)
        pieces.append(other(address_of(groups)) if is_like_one and _has_address(groups) else groups)
    return ":".join(pieces)


def _has_address(groups: str) -> bool:
    """Whether groups of digits are an address, perhaps with a port; `::` and `::1` name nothing."""
    shortened = groups.count("::")
    if shortened:
        return shortened == 1 and ":::" not in groups and len(groups) > len("::1")
    return groups.count(":") >= _GROUPS - 1 or _MAC.fullmatch(groups) is not None


def address_of(text: str) -> str:
    """The one form of an address, however it is written; without the port after it, if that shows."""
    if ":" not in text:
        return ".".join(str(int(part)) for part in re.split(_SEPARATORS, text))
    for written in (text, text.strip(":"), text.rpartition(":")[0]):
        if is_address(written):
            return ipaddress.ip_address(written).compressed
    return text.lower()


def is_of_bytes(octets: str) -> bool:
    """Whether numbers are small enough for an address."""
    return all(int(part) <= _OCTET_MAX for part in re.split(_SEPARATORS, octets))


def is_address(name: str) -> bool:
    """Whether a name is an address and nothing else."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def domains_above(domain: str) -> list[str]:
    """A domain turned round, as packages of Java are named, and those above it, down to two labels."""
    labels = domain.split(".")
    above = [labels[number:] for number in range(len(labels) - 1)]
    return [".".join(some) for one in above for some in (one, one[::-1]) if some != labels]


def container_names(container: str) -> list[str]:
    """How a container without an id is named: also the virtual machine alone. A number names nothing."""
    name = plain(container)
    machine = _VIRTUAL_MACHINE.fullmatch(name)
    return [each for each in (name, machine[1] if machine else "") if each and not each.isdigit()]
