"""`make stack`: the compose file as it is shipped, in an engine of its own, through nights and mishaps.

Each service is confined by the kernel as the file says, and the image has what requirements.lock names.
Three hosts, a mail server and a schedule of every three minutes: three starts arrive by mail; a worker's main
process is killed; all is stopped in the middle of a run and started again. Prints one figure a line, and ends
with 1 if something is not as it should be. It takes about twenty minutes, needs root, and removes what it
made, except for build/stack-base.tar.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

from tests.stack import project
from tests.stack.confinement import loose, strangers
from tests.stack.engine import Engine, engine
from tests.tables import rows_of

EVERY_MIN = 3
STARTS = 3
MAIL_WITHIN_S = 120  # of the minute that the schedule names
HEALTHY_WITHIN_S = 180
NAMES = 40  # of each host, in the run that is stopped in the middle
SERVICES = ("redis", "beat", "worker-collect", "worker-classify", "worker-report")


def figure(name: str, number: object, unit: str = "") -> None:
    """Print one."""
    print(f"{name:38} {number!s:>12} {unit}", flush=True)


def eventually(what: str, holds: Callable[[], bool], within_s: float) -> float:
    """Seconds until it holds; ends the test where it does not in time."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > within_s:
            raise SystemExit(f"not within {within_s:.0f} s: {what}")
        time.sleep(0.2)
    return time.monotonic() - began


def expect(holds: bool, what: str) -> None:
    """End the test unless it holds."""
    if not holds:
        raise SystemExit(f"not so: {what}")


def built(stack: Engine) -> None:
    """The base from Debian, and the image from the Dockerfile."""
    began = time.monotonic()
    archive = project.base_archive()
    figure("base from Debian", round(time.monotonic() - began, 1), "s")
    stack.docker("import", "--change", f"ENV PIP_CERT={project.CERTIFICATES}", str(archive), project.BASE)
    began = time.monotonic()
    stack.compose("build", "worker-collect")
    figure("docker-compose build", round(time.monotonic() - began, 1), "s")
    size = stack.docker("image", "inspect", "--format", "{{.Size}}", "mapsweep:local")
    figure("image, base included", round(int(size) / 2**20), "MiB")
    driver = ("--entrypoint", "python3", "mapsweep:local", "-c", "import s3fs; print(s3fs.__version__)")
    figure("driver of buckets in the image", stack.docker("run", "--rm", *driver).strip())


def confined(stack: Engine) -> None:
    """Each service runs as the compose file says, with what the lock says."""
    for service in SERVICES:
        found = loose(stack, service)
        expect(not found, f"{service} is confined: {found}")
    unlike = strangers(stack)
    expect(not unlike, f"the image has what requirements.lock names: {unlike}")
    figure("services confined, packages as locked", len(SERVICES))


def healthy(stack: Engine) -> bool:
    """Whether every service of the shipped file says that it is."""
    return all(stack.state(service).startswith("running healthy") for service in SERVICES)


def mails(stack: Engine, run: str = "") -> list[str]:
    """The ids of the messages that arrived, in order; those of one run only."""
    files = sorted((stack.project / "mail").glob("*.eml"))
    ids = [str(message_from_bytes(each.read_bytes())["Message-ID"]) for each in files]
    return [each for each in ids if run in each]


def runs(stack: Engine) -> list[Path]:
    """The runs in the archive, in order."""
    return sorted(stack.archive.glob("2*"))


def statuses(run: Path) -> dict[str, str]:
    """The status of each host, from the report."""
    return {host["name"]: host["status"] for host in rows_of(run, "hosts")}


def expect_all_answered(run: Path, hosts: int) -> None:
    """Every host is there and none failed."""
    found = statuses(run)
    expect(len(found) == hosts, f"{run.name} has {hosts} hosts: {len(found)}")
    bad = {host: status for host, status in found.items() if status not in ("ok", "partial")}
    expect(not bad, f"no host of {run.name} failed: {bad}")


def nights(stack: Engine, starts: int) -> None:
    """So many starts by the schedule, each with one mail."""
    for number in range(1, starts + 1):
        eventually(f"run {number}", lambda wanted=number: len(runs(stack)) >= wanted, EVERY_MIN * 60 + 60)  # type: ignore[misc]
        took = eventually(f"mail {number}", lambda wanted=number: len(mails(stack)) >= wanted, MAIL_WITHIN_S)  # type: ignore[misc]
        figure(f"mail after the start of run {number}", round(took, 1), "s")
        expect_all_answered(runs(stack)[number - 1], len(project.HOSTS))
    expect(len(mails(stack)) == starts, f"{starts} mails: {mails(stack)}")
    for line in stack.docker(
        "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}} {{.PIDs}}"
    ).splitlines():
        print("  " + line)


def killed(stack: Engine) -> None:
    """The main process of a worker, by SIGKILL: the engine starts it again."""
    os.kill(stack.main_process("worker-collect"), signal.SIGKILL)
    again = eventually(
        "worker-collect is healthy again",
        lambda: stack.state("worker-collect") == "running healthy 1",
        HEALTHY_WITHIN_S,
    )
    figure("killed worker healthy again", round(again, 1), "s")


def stopped_in_mid_run(stack: Engine) -> None:
    """All is stopped while hosts are swept; started again, the run ends with every host."""
    project.replace_inventory(stack.project, NAMES)
    hosts, known = NAMES * len(project.HOSTS), {run.name for run in runs(stack)}

    def begun() -> list[Path]:
        return [run for run in runs(stack) if run.name not in known and list(run.glob("dumps/**/*.dump"))]

    eventually("a run with more hosts begins", lambda: bool(begun()), 2 * EVERY_MIN * 60 + 60)
    run = begun()[0]
    began = time.monotonic()
    stack.compose("stop", *SERVICES)  # the hosts go on
    figure("docker-compose stop in mid-run", round(time.monotonic() - began, 1), "s")
    done = len(list(run.glob("results/*/*.result")))
    figure("hosts done at the stop", f"{done}/{hosts}")
    expect(done < hosts, "the run was stopped before its end")
    codes = {
        service: stack.docker("inspect", "--format", "{{.State.ExitCode}}", stack.container(service)).strip()
        for service in SERVICES
    }
    figure("exit codes", " ".join(f"{service}={code}" for service, code in codes.items()))
    expect("137" not in codes.values(), "nothing was killed because it did not stop in time")
    stack.compose("up", "--detach")
    finished = lambda: (run / "report/report.json").exists() and bool(mails(stack, run.name))  # noqa: E731
    figure("report and mail after the start", round(eventually("the run ends", finished, 400), 1), "s")
    expect_all_answered(run, hosts)
    expect(len(mails(stack, run.name)) == 1, f"one mail of the run: {mails(stack)}")


def main(arguments: list[str]) -> int:
    """The whole; `arguments` may have another number of starts."""
    starts = int(arguments[0]) if arguments else STARTS
    if os.geteuid() != 0:
        raise SystemExit("make stack: only root can start a container engine")
    with tempfile.TemporaryDirectory(prefix="mapsweep-stack-") as folder:
        root = Path(folder)
        (root / "project").mkdir()
        project.lay_out(root / "project")
        project.schedule(root / "project", f"*/{EVERY_MIN} * * * *")
        with engine(root, root / "project", {"BASE": project.BASE, "REDIS_IMAGE": project.BASE}) as stack:
            built(stack)
            stack.compose("up", "--detach")
            figure(
                "all healthy",
                round(eventually("all healthy", lambda: healthy(stack), HEALTHY_WITHIN_S), 1),
                "s",
            )
            confined(stack)
            try:
                nights(stack, starts)
                killed(stack)
                stopped_in_mid_run(stack)
            except SystemExit:
                print(stack.compose("logs", "--no-color", "--tail", "40"), file=sys.stderr)
                raise
    print("the stack works as it is shipped")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
