"""What all pages look like: the templates with the style and the script, and how they print."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from reports.page import addresses, assets, cells
from reports.sentence import change_words
from reports.templating import environment


def render(template: str, data: bytes, links: Mapping[str, str] | None = None, **said: object) -> bytes:
    """A page in UTF-8 with this data, in base64; `links` are the pages that hosts have of their own."""
    content = Markup(data.decode("ascii"))  # noqa: S704 -- base64
    return _templates().get_template(template).render(data=content, links=links or {}, **said).encode()


@cache
def _templates() -> Environment:
    """The templates, compiled once."""
    made = environment(assets.FOLDER / "templates")
    css, js = assets.style(), assets.script()
    made.globals.update(
        css=Markup(css),  # noqa: S704 -- the package's own file
        js=Markup(js),  # noqa: S704 -- the package's own files
        css_hash=assets.csp_hash(css),
        js_hash=assets.csp_hash(js),
        parts=cells.PARTS,
        bar_pixels=cells.BAR_PIXELS,
    )
    made.filters.update(_FILTERS)
    return made


@pass_context
def _host_address(context: Context, name: str) -> str:
    """Where links to a host lead: into the page of the host, or to its view in this page."""
    file: str = context["links"].get(name, "")
    return file + addresses.host(name)


@pass_context
def _process_address(context: Context, host: str, pid: int) -> str:
    return f"{_host_address(context, host)}/{pid}"


_FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "raw": cells.raw,
    "share": cells.share,
    "of_ram": cells.of_ram,
    "median": cells.median,
    "largest": cells.largest,
    "by_labels": cells.by_labels,
    "heap_parts": cells.heap_parts,
    "stack_part": cells.stack_part,
    "titled": cells.titled,
    "kind_name": change_words.kind_name,
    "peers": change_words.peers,
    "went": change_words.went,
    "host_id": addresses.host_id,
    "host_address": _host_address,
    "process_id": addresses.process_id,
    "process_address": _process_address,
    "service_id": addresses.service_id,
    "service_address": addresses.service,
    "kind_id": addresses.kind_id,
    "kind_address": addresses.kind,
}
