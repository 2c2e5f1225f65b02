"""Makes the objects of the other packages from the settings. Secrets are read here, only when needed."""

import shlex
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from archive.signature import KEY_BYTES_MIN
from domain.mistakes import Mistake, OperatorError
from mapsweep.settings.settings import Settings
from mapsweep.settings.sources import (
    BROKER_PASSWORD,
    KEY_PASSPHRASE,
    MAIL_PASSWORD,
    SIGNING_KEY,
    Environment,
)
from reports.delivery import MailSettings, Security

if TYPE_CHECKING:
    from collector.session import Access

ACCEPTED_KEYS = "accepted_keys"
PASSWORD_BYTES_MAX = 4096
PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


def password(file: str | None, variable: str, environment: Environment) -> str:
    """A secret from the environment, or from its file without the end of the line; "" if neither is set."""
    if environment.get(variable):
        return environment[variable]
    if not file:
        return ""
    try:
        with Path(file).open("rb") as stream:
            secret = stream.read(PASSWORD_BYTES_MAX + 1)
        text = secret.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise OperatorError(Mistake(file, f"the secret cannot be read: {reason}")) from error
    if not text or len(secret) > PASSWORD_BYTES_MAX or "\n" in text:
        problem = f"holds no secret: one line of at most {PASSWORD_BYTES_MAX} bytes"
        raise OperatorError(Mistake(file, problem))
    return text


def broker_password(settings: Settings, environment: Environment) -> str:
    return password(settings.broker_password_file, BROKER_PASSWORD, environment)


def signing_key(settings: Settings, environment: Environment) -> bytes:
    """The signing key; b"" without one. OperatorError if everybody may read it, or if it is too short."""
    file = settings.signing_key_file
    if file and not environment.get(SIGNING_KEY):
        with suppress(OSError):  # reported below
            if Path(file).stat().st_mode & stat.S_IRWXO:
                problem = "every account of this machine may read the signing key"
                raise OperatorError(Mistake(file, problem, f"chmod o= {shlex.quote(file)}"))
    key = password(file, SIGNING_KEY, environment).encode()
    if key and len(key) < KEY_BYTES_MIN:
        place = SIGNING_KEY if environment.get(SIGNING_KEY) else str(file)
        problem = f"the signing key has fewer than {KEY_BYTES_MIN} bytes"
        raise OperatorError(Mistake(place, problem, "make one: head -c 32 /dev/urandom | base64"))
    return key


def access(settings: Settings, environment: Environment) -> "Access":
    """The credentials for hosts, their known keys, and the masking."""
    from collector.session import Access  # noqa: PLC0415 - likewise
    from collector.ssh.keys import Credentials  # noqa: PLC0415 - paramiko costs 0.3 s; only sweeps pay for it

    passphrase = password(settings.ssh.passphrase_file, KEY_PASSPHRASE, environment)
    return Access(
        credentials=Credentials(passphrase=passphrase, use_agent=settings.ssh.use_agent),
        known_hosts=tuple(map(Path, settings.ssh.known_hosts)),
        host_key_policy=settings.ssh.host_key_policy,
        accepted_keys=_accepted_keys(settings),
        masking=settings.masking,
    )


def _accepted_keys(settings: Settings) -> Path | None:
    """The file in which accept-new keeps keys: beside the runs, if those are files."""
    if settings.ssh.accepted_keys:
        return Path(settings.ssh.accepted_keys)
    return None if "://" in settings.runs else Path(settings.runs) / ACCEPTED_KEYS


def mail_settings(settings: Settings, environment: Environment) -> MailSettings | None:
    """The mail server and account; None if the settings have no section mail."""
    mail = settings.mail
    if mail is None:
        return None
    return MailSettings(
        sender=mail.sender,
        server=mail.server,
        port=PORTS[mail.security] if mail.port is None else mail.port,
        security=mail.security,
        username=mail.username,
        password=password(mail.password_file, MAIL_PASSWORD, environment),
        ca_file=mail.ca_file or "",
        timeout_s=mail.timeout_s,
        subject_prefix=mail.subject_prefix,
        attach_max_bytes=mail.attach_max_bytes,
        keep_trying_s=mail.keep_trying_s,
        base_url=settings.report.base_url,
    )
