"""The style and the script of the page, and the hashes by which its policy allows them."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent


def style() -> str:
    """The page's one style, without indents and empty lines."""
    lines = (line.strip() for line in (FOLDER / "style.css").read_text("utf-8").splitlines())
    return "\n".join(line for line in lines if line)


def script() -> str:
    """The page's one script: the files of script/ by name, in one function, without indents and comments.

    No text in them goes over the end of a line.
    """
    files = sorted((FOLDER / "script").glob("*.js"))
    lines = (line.strip() for file in files for line in file.read_text("utf-8").splitlines())
    code = (line for line in lines if line and not line.startswith("//"))
    return "\n".join(('(async () => {\n"use strict";', *code, "})();\n"))


def csp_hash(text: str) -> str:
    """The hash of an inline style or script as a Content-Security-Policy names it, without `sha256-`."""
    return b64encode(sha256(text.encode()).digest()).decode()
