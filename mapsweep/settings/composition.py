"""Makes the objects of the other packages from the settings. Secrets are read here, only when needed."""

import shlex
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from archive.dump_keys import DumpKeys
from archive.dump_keys import check as check_keys
from archive.signature import KEY_BYTES_MIN
from domain.mistakes import Mistake, OperatorError
from domain.records import OwnerList
from domain.rights import refuse_if_all_may_write
from mapsweep.settings.settings import Settings, default_runs
from mapsweep.settings.sources import (
    BROKER_PASSWORD,
    KEY_PASSPHRASE,
    MAIL_PASSWORD,
    SIGNING_KEY,
    WEBHOOK_SECRET,
    Environment,
)
from mapsweep.settings.values import AUDIT_OFF, SYSLOG, hook_address
from reports.mail.delivery import MailSettings, Security
from reports.webhook.hook_settings import HookSettings
from workers.life.audit import SILENT, Audit
from workers.life.audit_places import LogFile, SystemLog

if TYPE_CHECKING:
    from collector.session import Access

ACCEPTED_KEYS = "accepted_keys"
DEV_LOG = "/dev/log"
PASSWORD_BYTES_MAX = 4096
PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


def password(file: str | None, variable: str, environment: Environment) -> str:
    """A secret from the environment, or from its file without the end of the line; "" if neither is set."""
    if environment.get(variable):
        return environment[variable]
    if not file:
        return ""
    refuse_if_all_may_write(Path(file))
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


def dump_keys(settings: Settings) -> DumpKeys:
    """For whom dumps are encrypted, and the file of the private keys; nothing is read yet."""
    return DumpKeys(settings.dump_recipients, settings.dump_identity_file or "")


def check_dump_keys(settings: Settings, *, classifies_for_others: bool = False) -> None:
    """OperatorError unless dumps can be encrypted as the settings say, and read where the key is there.

    Who `classifies_for_others` must have the private key. Others may do without: the settings may be the same
    on every machine, and a sweep on this one reads its own dumps.
    """
    keys = dump_keys(settings)
    check_keys(keys, reads=classifies_for_others or keys.has_identity)


def access(settings: Settings, environment: Environment) -> "Access":
    """The credentials for hosts, their known keys, and the masking."""
    from collector.session import Access  # noqa: PLC0415 - likewise
    from collector.ssh.keys import Credentials  # noqa: PLC0415 - paramiko costs 0.3 s; only sweeps pay for it

    passphrase = password(settings.ssh.passphrase_file, KEY_PASSPHRASE, environment)
    return Access(
        credentials=Credentials(passphrase=passphrase, use_agent=settings.ssh.use_agent),
        known_hosts=tuple(map(Path, settings.ssh.known_hosts)),
        host_key_policy=settings.ssh.host_key_policy,
        accepted_keys=accepted_keys(settings, environment),
        masking=settings.masking,
    )


def accepted_keys(settings: Settings, environment: Environment) -> Path:
    """The file in which accept-new keeps keys: beside the runs, unless those are far or others write there.

    In a fleet, the workers that read what hosts send write into the runs: they must not decide which keys
    count.
    """
    if settings.ssh.accepted_keys:
        return Path(settings.ssh.accepted_keys)
    runs = settings.runs.removeprefix("file://")
    is_apart = "://" in runs or bool(settings.broker)
    folder = Path(default_runs(environment)).parent if is_apart else Path(runs)
    return folder / ACCEPTED_KEYS


def owner_lists(settings: Settings) -> tuple[OwnerList, ...]:
    """Who gets what concerns the hosts of an owner."""
    owners = settings.mail.owners if settings.mail else {}
    return tuple(OwnerList(owner, to) for owner, to in owners.items())


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


def webhook_settings(settings: Settings, environment: Environment) -> HookSettings | None:
    """Where news are posted; None if the settings have no section webhook."""
    hook = settings.webhook
    if hook is None:
        return None
    return HookSettings(
        url=hook.url or _hook_address(hook.url_file),
        secret=password(hook.secret_file, WEBHOOK_SECRET, environment).encode(),
        ca_file=hook.ca_file or "",
        timeout_s=hook.timeout_s,
        keep_trying_s=hook.keep_trying_s,
        base_url=settings.report.base_url,
    )


def audit(settings: Settings) -> Audit:
    """Where the lines of the audit go; nothing is opened."""
    if settings.audit == AUDIT_OFF:
        return SILENT
    kind, _, socket = settings.audit.partition(":")
    if kind == SYSLOG:
        return Audit(SystemLog(Path(socket or DEV_LOG)))
    return Audit(LogFile(Path(settings.audit)))


def _hook_address(file: str | None) -> str:
    """The address in a file; OperatorError if it cannot be used."""
    try:
        return hook_address(password(file, "", {}))
    except ValueError as error:
        raise OperatorError(Mistake(str(file), f"the address in it {error}")) from None
