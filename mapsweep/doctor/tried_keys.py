"""Which file of keys a failure is about: the commands against it name that file, not a usual one."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from collector.ssh.public_files import public_beside
from collector.trouble import one_line
from domain.records import Host


def tried_key(host: Host, detail: str, default_files: Sequence[Path]) -> str:
    """The path of the key file that the detail names, or of the first that was offered; "" if none was.

    A host whose inventory names one file has no other. The path has no tilde, because a shell does not
    expand a quoted one.
    """
    files = list(_files(host, default_files))
    if host.key_file:
        return files[0]
    named = (file for file in files if detail.startswith(one_line(f"{file} (")))
    offered = (file for file in files if (known_by := _fingerprint(file)) and known_by in detail)
    return next(named, "") or next(offered, "")


def _files(host: Host, default_files: Sequence[Path]) -> Iterator[str]:
    """What a sweep tries, in its order."""
    for file in (host.key_file,) if host.key_file else host.key_files or default_files:
        try:
            yield str(Path(file).expanduser())
        except RuntimeError:  # ~ of an account that is not there
            yield str(file)


def _fingerprint(file: str) -> str:
    """Of the public half beside a key file, as a refusal names it; "" if there is none."""
    public = public_beside(Path(file))
    return (
        "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip("=") if public else ""
    )
