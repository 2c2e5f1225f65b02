"""Host keys of an inventory: `name`, `name:port`, and ranges such as `web[01:50]` or `db[a:f:2].[1:3]`."""

import itertools
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

HOSTS_MAX = 1_000_000

_HEX_RANGE = re.compile(r"\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\]", re.IGNORECASE)
_NUMBER_RANGE = re.compile(r"\[[0-9]+:[0-9]+(?::[0-9]+)?\]")
_NAME_RANGE = re.compile(r"\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]", re.IGNORECASE)
_RANGE = "\0"  # placeholder for a range while the text around it is checked

_BRACKETED_PORT = re.compile(r"\[(.+)\]:([0-9]+)")
_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)")
_LABEL = re.compile(rf"[\w{_RANGE}][\w{_RANGE}-]*")
_IPV4_PART = re.compile(rf"[01]?[0-9]{{1,2}}|2[0-4][0-9]|25[0-5]|{_RANGE}")
_IPV6_PART = re.compile(rf"[0-9a-f]{{1,4}}|{_RANGE}", re.IGNORECASE)
_IPV4_IN_IPV6 = {"::", "::ffff:", "0:0:0:0:0:0:", "0:0:0:0:0:ffff:"}
_BOUND = re.compile(r"[0-9]{1,18}|[a-zA-Z]")


@dataclass(frozen=True, slots=True)
class HostEntry:
    """The hosts that one key names."""

    names: tuple[str, ...]
    port: int | None


def read(key: str) -> HostEntry:
    """The names and the port of a key, as Ansible reads it; ValueError for a bad range."""
    if not ("[" in key or "]" in key or ":" in key):
        return HostEntry((key,), None)
    pattern, port = split_port(key) or (key, None)
    return HostEntry(tuple(expand(pattern)), port)


def split_port(text: str) -> tuple[str, int | None] | None:
    """A host name, IPv4 or IPv6 address (ranges allowed in each) and its port; None for anything else.

    An IPv6 address needs brackets to have a port.
    """
    port = None
    for form in (_BRACKETED_PORT, _PORT):
        if match := form.fullmatch(text):
            text, port = match[1], int(match[2])
    return (text, port) if _is_ipv4(text) or _is_ipv6(text) or _is_name(text) else None


def expand(pattern: str) -> Iterator[str]:
    """Every name that a pattern's ranges give, the last range varying fastest; ValueError for a bad range."""
    if not ("[" in pattern or "]" in pattern):
        return iter((pattern,))
    pieces = re.split(r"\[([^\[\]]*)\]", pattern)
    if any(bracket in text for text in pieces[::2] for bracket in "[]"):
        raise ValueError("a bracket is not closed, or was never opened")
    steps = [_bounds(text) if index % 2 else (text,) for index, text in enumerate(pieces)]
    if (count := prod(map(len, steps))) > HOSTS_MAX:
        raise ValueError(f"stands for {count} hosts, the limit is {HOSTS_MAX}")
    return ("".join(parts) for parts in itertools.product(*steps))


def _bounds(text: str) -> tuple[str, ...]:
    """The values of one range: `begin:end` or `begin:end:step`, both ends included."""
    bounds = text.split(":")
    if len(bounds) not in (2, 3):
        raise ValueError(f"[{text}] is not a range: it must be [begin:end] or [begin:end:step]")
    begin, end = bounds[0] or "0", bounds[1]
    step = bounds[2] if len(bounds) == 3 else "1"
    if not end:
        raise ValueError(f"[{text}] has no end")
    if not (step.isascii() and step.isdigit() and len(step) <= 18 and int(step)):
        raise ValueError(f"[{text}]: the step must be a number from 1 on")
    if not (_BOUND.fullmatch(begin) and _BOUND.fullmatch(end)):
        raise ValueError(f"[{text}]: begin and end must be numbers or single letters")
    if begin.isdigit() != end.isdigit():
        raise ValueError(f"[{text}] goes from a number to a letter")
    return _numbers(text, begin, end, int(step)) if begin.isdigit() else _letters(text, begin, end, int(step))


def _numbers(text: str, begin: str, end: str, step: int) -> tuple[str, ...]:
    width = len(begin) if len(begin) > 1 and begin[0] == "0" else 0
    if width and width != len(end):
        raise ValueError(f"[{text}]: with leading zeros, begin and end must be equally long")
    numbers = range(int(begin), int(end) + 1, step)
    if not numbers:
        raise ValueError(f"[{text}] runs backwards")
    if len(numbers) > HOSTS_MAX:
        raise ValueError(f"[{text}] stands for {len(numbers)} hosts, the limit is {HOSTS_MAX}")
    return tuple(f"{number:0{width}}" for number in numbers)


def _letters(text: str, begin: str, end: str, step: int) -> tuple[str, ...]:
    """Letters in the order a-zA-Z."""
    letters = string.ascii_letters
    first, last = letters.index(begin), letters.index(end)
    if first > last:
        raise ValueError(f"[{text}] runs backwards")
    return tuple(letters[first : last + 1 : step])


def _is_ipv4(text: str) -> bool:
    parts = _NUMBER_RANGE.sub(_RANGE, text).split(".")
    return len(parts) == 4 and all(map(_IPV4_PART.fullmatch, parts))


def _is_ipv6(text: str) -> bool:
    """The spellings that Ansible knows, with a range in place of any part."""
    text = _HEX_RANGE.sub(_RANGE, text).lower()
    head, colon, tail = text.rpartition(":")
    if "." in tail:
        parts = tail.split(".")
        return head + colon in _IPV4_IN_IPV6 and len(parts) == 4 and all(map(_IPV6_PART.fullmatch, parts))
    left_text, gap, right_text = text.partition("::")
    left = left_text.split(":") if left_text else []
    right = right_text.split(":") if right_text else []
    if not all(map(_IPV6_PART.fullmatch, left + right)):
        return False
    return len(left) <= 6 and len(right) <= 6 and len(left) + len(right) <= 7 if gap else len(left) == 8


def _is_name(text: str) -> bool:
    labels = _NAME_RANGE.sub(_RANGE, text).split(".")
    return all(_LABEL.fullmatch(label) and label[-1] not in "_-" for label in labels)
