"""A real browser: the system's Chromium, headless, with no way to anything but files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := which(name))), None
)


@dataclass(slots=True)
class Visit:
    """A page that was opened, and what it said and asked for on the way."""

    page: Page
    messages: list[str] = field(default_factory=list)  # console, errors, policy violations
    requests: list[str] = field(default_factory=list)  # of anything but the page itself


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium; the test is skipped where none is installed."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(
    browser: Browser,
    file: Path,
    *,
    width: int = 1400,
    height: int = 1000,
    scheme: Literal["light", "dark"] = "light",
    scripts: bool = True,
    anchor: str = "",
) -> Iterator[Visit]:
    """A file opened in a window of its own, as a double click does it."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        java_script_enabled=scripts,
        offline=True,
    )
    page = context.new_page()
    seen = Visit(page)
    address = file.resolve().as_uri()
    page.on("console", lambda message: seen.messages.append(message.text))
    page.on("pageerror", lambda error: seen.messages.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith(address) else seen.requests.append(request.url),
    )
    try:
        page.goto(address + anchor)
        yield seen
    finally:
        context.close()
