"""Opening files that an operator or a run names: only regular files, and never blocking."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def opened(path: Path, *, may_be_link: bool = True) -> Iterator[BinaryIO]:
    """A regular file, or /dev/null, for reading; OSError for a folder, a pipe, a device or no such file."""
    no_link = 0 if may_be_link else os.O_NOFOLLOW
    try:
        # non-blocking, because opening a pipe waits for a writer
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | no_link)
    except ValueError:  # a NUL in the name
        raise OSError(errno.EINVAL, "is not the name of a file", ascii(path)) from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
        if not stat.S_ISREG(status.st_mode) and status.st_rdev != Path(os.devnull).stat().st_rdev:
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)
