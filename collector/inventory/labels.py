"""The variable `mapsweep_labels`: what an operator calls a host, such as its owner and its zone."""

import re
from typing import Final

from collector.inventory.connection_variables import Place, Variable, is_one_line, not_evaluated
from domain.mistakes import Mistake, OperatorError
from domain.yaml_document import Encrypted, Mapping, Node, Scalar, entries, value

LABELS_MAX: Final = 16
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
TEXT_CHARS_MAX: Final = 100
_SHOWN_CHARS_MAX: Final = 80  # of a name that is none
_EXAMPLE: Final = "such as {owner: payments, zone: eu-1}"


def read(node: Node, place: Place) -> Variable:
    """The labels that a variable gives, in the order of their names; OperatorError with every mistake in it.

    Nothing (null) is as if it were not given. What is encrypted or a template is an obstacle of its hosts.
    """
    if not isinstance(node, Mapping):
        return _no_mapping(node, place)
    given = list(entries(node))
    if len(given) > LABELS_MAX:
        raise OperatorError(Mistake(str(place), f"has {len(given)} labels; {LABELS_MAX} are the most"))
    labels: dict[str, str] = {}
    obstacle: Variable | None = None
    mistakes: list[Mistake] = []
    for key, item in given:
        written = key.text if isinstance(key, Scalar) else ""
        at = Place(place.label, (*place.path, written[:_SHOWN_CHARS_MAX]), item.line)
        try:
            name, text = _name(key), _text(item)
        except ValueError as error:
            mistakes.append(Mistake(str(at), str(error)))
            continue
        obstacle = obstacle or not_evaluated(text, at)
        labels[name] = "" if isinstance(text, Encrypted) else text
    if mistakes:
        raise OperatorError(*mistakes)
    return obstacle or Variable(tuple(sorted(labels.items())), place)


def _no_mapping(node: Node, place: Place) -> Variable:
    """What it is where it is no mapping: nothing, or only referred to; OperatorError for all else."""
    try:
        leaf = value(node) if isinstance(node, Scalar) else ""
    except ValueError:
        leaf = ""
    if leaf is None:
        return Variable(None, place)
    if (obstacle := not_evaluated(leaf, place)) is not None:
        return obstacle
    raise OperatorError(Mistake(str(place), "must be a mapping of names to texts", _EXAMPLE))


def _name(key: Node) -> str:
    """A label's name; ValueError where it is none."""
    name = value(key) if isinstance(key, Scalar) else None
    if not isinstance(name, str):
        raise ValueError("the name of a label must be text: put it in quotation marks")  # noqa: TRY004  # as every wrong value
    if not NAME.fullmatch(name):
        raise ValueError("the name of a label is at most 32 of a-z, 0-9 and _, and begins with a letter")
    return name


def _text(item: Node) -> str | Encrypted:
    """A label's text; ValueError where it is none."""
    if not isinstance(item, Scalar):
        raise ValueError("must be a single value, not a list or a mapping")  # noqa: TRY004  # as every wrong value
    text = value(item)
    if isinstance(text, Encrypted):
        return text
    if not isinstance(text, str):
        raise ValueError(f"must be text, not {text!r}: put it in quotation marks")  # noqa: TRY004  # likewise
    if not is_one_line(text, TEXT_CHARS_MAX):
        raise ValueError(f"must be one line of at most {TEXT_CHARS_MAX} characters")
    return text
