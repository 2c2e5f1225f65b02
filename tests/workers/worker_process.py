"""A real worker, or beat, as a process: `python -m tests.workers.worker_process worker|beat JSON`."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive.dump_keys import DumpKeys
from domain.records import MailWhen
from mapsweep.terminal import debugging, logs
from mapsweep.terminal.interrupt import stoppable
from mapsweep.terminal.log_format import LogFormat
from reports.mail.delivery import MailSettings
from reports.webhook.hook_settings import HookSettings
from tests.service import serving
from workers.fleet.app import QUEUES
from workers.fleet.beat import run_beat
from workers.fleet.service import run_worker
from workers.fleet.worker_settings import WorkerSettings
from workers.life.pace import Pace
from workers.life.schedules import Overlap, Schedule

if TYPE_CHECKING:
    import subprocess

PACE = Pace(tend_s=1, task_s=700, lease_s=60)  # runs are looked after at once


@contextmanager
def running(
    role: str,
    settings: WorkerSettings,
    folder: Path,
    name: str = "",
    *,
    before: Sequence[str] = (),
    queues: Sequence[str] = QUEUES,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start one, in a session of its own, and stop it with all its children.

    `before` is a command that executes it, such as `unshare`. A worker touches `aliveNAME` in the folder.
    """
    described = json.dumps(
        {
            "broker_url": settings.broker_url,
            "broker_password": settings.broker_password,
            "broker_ca_file": str(settings.broker_ca_file or ""),
            "signing_key": settings.signing_key.hex(),
            "mail": asdict(settings.mail) if settings.mail else None,
            "webhook": _described(settings.webhook) if settings.webhook else None,
            "runs_url": settings.runs_url,
            "inventory": str(settings.inventory or ""),
            "schedules": [asdict(each) for each in settings.schedules],
            "pace": [getattr(settings.pace, field) for field in Pace.__dataclass_fields__],
            "dump_keys": [settings.dump_keys.recipients, settings.dump_keys.identity_file],
            "alive": str(folder / f"alive{name}"),
            "queues": list(queues),
        }
    )
    command = [*before, sys.executable, "-m", "tests.workers.worker_process", role, described]
    with serving(command, folder / f"{role}{name}.log", folder=Path(__file__).parents[2]) as process:
        yield process


def kill_all(process: "subprocess.Popen[bytes]") -> None:
    """End a worker and its children as a power cut would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _described(hook: HookSettings) -> dict[str, object]:
    return {**asdict(hook), "secret": hook.secret.hex()}


def _hook(given: dict[str, Any]) -> HookSettings:
    return HookSettings(**{**given, "secret": bytes.fromhex(given["secret"])})


def main() -> int:
    role, described = sys.argv[1:]
    given = json.loads(described)
    settings = WorkerSettings(
        broker_url=given["broker_url"],
        broker_password=given["broker_password"],
        broker_ca_file=Path(given["broker_ca_file"]) if given["broker_ca_file"] else None,
        signing_key=bytes.fromhex(given["signing_key"]),
        mail=MailSettings(**given["mail"]) if given["mail"] else None,
        webhook=_hook(given["webhook"]) if given["webhook"] else None,
        runs_url=given["runs_url"],
        inventory=Path(given["inventory"]) if given["inventory"] else None,
        schedules=tuple(
            Schedule(
                **{
                    **each,
                    "mail_to": tuple(each["mail_to"]),
                    "overlap": Overlap(each["overlap"]),
                    "mail_when": MailWhen(each["mail_when"]),
                }
            )
            for each in given["schedules"]
        ),
        pace=Pace(*given["pace"]),
        dump_keys=DumpKeys(tuple(given["dump_keys"][0]), given["dump_keys"][1]),
    )
    debugging.write_as(LogFormat.TEXT)
    logs.serve()
    if role == "worker":
        return run_worker(settings, given["queues"], concurrency=2, alive=Path(given["alive"]))
    with stoppable(lambda: None) as stop:
        run_beat(settings, stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
