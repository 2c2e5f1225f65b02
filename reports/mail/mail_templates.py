"""The templates of the mails, and how they print."""

from pathlib import Path

from jinja2 import Environment

from reports.templating import environment


def templates() -> Environment:
    unbroken = '<span style="white-space:nowrap">{}</span>'
    return environment(Path(__file__).parent / "templates", unbroken)
