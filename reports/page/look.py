"""What all pages look like: the templates with the style, the script, and how they print."""

from collections.abc import Callable
from typing import Any, Final

from jinja2 import Environment
from markupsafe import Markup

from reports.page import addresses, assets, cells
from reports.templating import environment


def templates(data: bytes, host_address: Callable[[str], str] = addresses.host) -> Environment:
    """The templates of pages with this data, in base64; `host_address` is where links to a host lead."""
    made = environment(assets.FOLDER / "templates")
    css, js = assets.style(), assets.script()
    made.globals.update(
        css=Markup(css),  # noqa: S704 -- the package's own file
        js=Markup(js),  # noqa: S704 -- the package's own files
        css_hash=assets.csp_hash(css),
        js_hash=assets.csp_hash(js),
        data=Markup(data.decode("ascii")),  # noqa: S704 -- base64
        parts=cells.PARTS,
        bar_pixels=cells.BAR_PIXELS,
    )
    made.filters.update(
        _FILTERS,
        host_address=host_address,
        process_address=lambda host, pid: f"{host_address(host)}/{pid}",
    )
    return made


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
    "host_id": addresses.host_id,
    "process_id": addresses.process_id,
    "service_id": addresses.service_id,
    "service_address": addresses.service,
    "kind_id": addresses.kind_id,
    "kind_address": addresses.kind,
}
