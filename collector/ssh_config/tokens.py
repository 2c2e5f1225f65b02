"""Tokens in values of ssh_config: %h, %r, ~ and ${NAME}."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_TOKEN: Final = re.compile(r"%(.?)", re.DOTALL)
_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
VALUE_CHARS: Final = 4_096  # of a value with its tokens replaced, as of a path in Linux


def replaced(text: str, values: Mapping[str, str]) -> str:
    """The text with its tokens replaced; ValueError for one that means nothing here."""

    def value(found: re.Match[str]) -> str:
        if found[1] == "%":
            return "%"
        if found[1] not in values:
            raise ValueError(f"has the token %{found[1]}, which is not supported")
        return values[found[1]]

    made = _TOKEN.sub(value, text)
    if len(made) > VALUE_CHARS:
        raise ValueError(f"has more than {VALUE_CHARS} characters")
    return made


def file_name(text: str, values: Mapping[str, str], home: Path, environment: Mapping[str, str]) -> str:
    """The absolute path of a file; ValueError for a token, a variable or an account that is not there."""

    def variable(found: re.Match[str]) -> str:
        if found[1] not in environment:
            raise ValueError(f"names the variable {found[1]!r}, which is not set")
        return environment[found[1]]

    if text == "~" or text.startswith("~/"):
        text = f"{home}{text[1:]}"
    elif text.startswith("~"):
        try:
            text = str(Path(text).expanduser())
        except RuntimeError:
            raise ValueError("names the folder of an account that is not there") from None
    return str(Path(_VARIABLE.sub(variable, replaced(text, values))).absolute())
