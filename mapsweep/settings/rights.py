"""Warnings of secrets, host keys and runs that every account of the machine may read or write."""

import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from domain.rights import all_may
from mapsweep.settings.settings import Settings


def warnings(settings: Settings) -> Iterator[str]:
    """What is open to all among the files that the settings name."""
    for file in _secrets(settings):
        if all_may(Path(file), stat.S_IROTH):
            yield f"{file}: every account of this machine may read this secret: chmod o= {shlex.quote(file)}"
    for file in filter(None, (*settings.ssh.known_hosts, settings.ssh.accepted_keys)):
        if all_may(Path(file).expanduser(), stat.S_IWOTH):
            remedy = f"chmod o-w {shlex.quote(str(file))}"
            yield f"{file}: every account of this machine may add host keys: {remedy}"
    if "://" not in settings.runs and all_may(Path(settings.runs), stat.S_IWOTH):
        quoted = shlex.quote(settings.runs)
        yield f"{settings.runs}: every account of this machine may write into the runs: chmod o-w {quoted}"


def _secrets(settings: Settings) -> Iterator[str]:
    mail, hook = settings.mail, settings.webhook
    named = (
        settings.broker_password_file,
        settings.ssh.passphrase_file,
        *((mail.password_file,) if mail else ()),
        *((hook.url_file, hook.secret_file) if hook else ()),
    )
    yield from (str(file) for file in named if file)
