"""The style and the script of the page, and the hashes by which its policy allows them."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent


def style() -> str:
    """The page's one style."""
    return (FOLDER / "style.css").read_text("utf-8")


def script() -> str:
    """The page's one script: the files of script/ by name, in one function."""
    files = sorted((FOLDER / "script").glob("*.js"))
    return "\n".join(
        ('(async () => {\n"use strict";', *(file.read_text("utf-8") for file in files), "})();\n")
    )


def csp_hash(text: str) -> str:
    """The hash of an inline style or script as a Content-Security-Policy names it, without `sha256-`."""
    return b64encode(sha256(text.encode()).digest()).decode()
