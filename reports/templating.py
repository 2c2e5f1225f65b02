"""Jinja with everything escaped, and how the templates print a size, a name, a time."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.rows import Extent
from reports.text import plain, sizes

NAME_WIDTH = 48


def environment(folder: Path) -> Environment:
    """Autoescape is on for every template, whatever its name; an unknown name in a template is an error."""
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
        cut=_cut,
    )
    return made


def _extent(extent: Extent) -> str:
    return sizes.size(extent.resident_max_bytes, bound=extent.is_bound)


def _cut(text: str, width: int = NAME_WIDTH) -> str:
    return plain.shortened(text, width)
