"""The file of `--output`: replaced as a whole, or left as it was."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from domain.mistakes import Mistake, OperatorError

REMEDY = "name a file in a folder that this account may write into"


def write(path: Path, content: Iterable[bytes], mode: int) -> None:
    """Write a file with this mode; what is no regular file, as a pipe, is written to as it is.

    OperatorError if it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                file.writelines(content)
        else:
            _replace(path, content, mode)
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        raise OperatorError(Mistake(f"--output {path}", problem, REMEDY)) from error


def _replace(path: Path, content: Iterable[bytes], mode: int) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(content)
            os.fchmod(descriptor, mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
