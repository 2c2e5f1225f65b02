"""report/index.html, as `reports.page` makes it."""

from reports.page.page import PAGE_BYTES_MAX, render

__all__ = ("PAGE_BYTES_MAX", "render")
