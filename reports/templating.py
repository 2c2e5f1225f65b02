"""Jinja with everything escaped, and how the templates print a size, a name, a time."""

import re
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.rows import Extent
from reports.text import plain, sizes

NAME_WIDTH = 48
# An amount with its unit and the words that bound it, in one group.
_AMOUNT = re.compile(
    r"((?:(?:≤|<=|at most|at least) )(?:[\d.,]*\d)(?: (?:[KMGTPE]i)?B\b)?|[+-]?\d[\d.,]* (?:[KMGTPE]i)?B\b)"
)


def environment(folder: Path, unbroken: str = "<i>{}</i>") -> Environment:
    """Autoescape is on for every template, whatever its name; an unknown name in a template is an error.

    `unbroken` is the element that no end of a line may part; of `i` the style of the page says so.
    """
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(
        size=sizes.size,
        number=sizes.number,
        growth=sizes.growth,
        when=sizes.when,
        duration=sizes.duration,
        extent=_extent,
        text=plain.printable,
        unbroken=partial(_unbroken, Markup(unbroken)),  # noqa: S704 -- the package's own
        cut=_cut,
    )
    return made


def _extent(extent: Extent) -> str:
    return sizes.size(extent.resident_max_bytes, bound=extent.is_bound)


def _unbroken(kept: Markup, text: str) -> Markup:
    """The text with each amount, as `at most 776 MiB`, in an element of its own."""
    parts = _AMOUNT.split(text)
    return Markup("").join(kept.format(part) if place % 2 else part for place, part in enumerate(parts))


def _cut(text: str, width: int = NAME_WIDTH) -> str:
    return plain.shortened(text, width)
