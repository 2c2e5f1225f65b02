"""An archive that is full, read-only, slow or gone, and runs in it that are damaged."""

import re
import shutil
import time

import psutil
import pytest

from tests.faults.laboratory import Laboratory
from tests.faults.processes import eventually

pytestmark = [pytest.mark.journey, pytest.mark.slow]

AWHILE_S = 15
MANY = 30  # how often a host may be swept where its dump could not be kept
# root, but for what is not root's own: folders that are another account's cannot be entered
PLAIN = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--")


@pytest.mark.fault(
    "the archive is full for a while",
    "No host fails: workers give their hosts back, rest, and go on. The log names the cause.",
)
def test_full(lab: Laboratory) -> None:
    worker = lab.sweeping(12, mounted=True)
    assert lab.disk is not None
    lab.disk.fill()
    lab.gate.open()
    time.sleep(AWHILE_S)
    lab.disk.empty()
    lab.over()
    lab.healed(swept=MANY)
    assert "No space left" in worker.said()


@pytest.mark.fault(
    "the archive is read-only for a while",
    "Likewise.",
)
def test_read_only(lab: Laboratory) -> None:
    worker = lab.sweeping(12, mounted=True)
    assert lab.disk is not None
    lab.disk.set_writable(writable=False)
    lab.gate.open()
    time.sleep(AWHILE_S)
    lab.disk.set_writable(writable=True)
    lab.over()
    lab.healed(swept=MANY)
    assert "Read-only file system" in worker.said()


@pytest.mark.fault(
    "the archive is not mounted for a while",
    "Likewise: workers see that it is another folder, and write nothing there.",
)
def test_gone(lab: Laboratory) -> None:
    lab.sweeping(12, mounted=True)
    assert lab.disk is not None
    lab.disk.unmount()
    lab.gate.open()
    time.sleep(AWHILE_S)
    lab.disk.mount()
    lab.over()
    lab.healed(swept=MANY)
    assert not list(lab.home.glob("2*"))


@pytest.mark.fault(
    "one of two collect workers is without the archive",
    "It takes no work and its `--alive` file is not touched; the other one does everything.",
)
def test_a_worker_without_the_archive(lab: Laboratory) -> None:
    lab.furnish(40, mounted=True)
    lab.worker("classify", "report").ready()
    lab.worker("collect", at_once=1).ready()
    blind = lab.worker("collect", at_once=2, within=())
    time.sleep(8)
    lab.beat()
    lab.hand_over()
    lab.over()
    lab.healed(within_s=2 * lab.pace.heals_within_s)
    assert blind.is_running()
    assert not blind.alive.exists() or time.time() - blind.alive.stat().st_mtime > 5


@pytest.mark.fault("each fsync takes 0.5 s", "The run takes longer, and nothing else.")
def test_slow(lab: Laboratory) -> None:
    lab.furnish(12)
    (lab.faults / "slow-fsync").write_text("0.5")
    lab.worker()
    lab.beat()
    lab.hand_over()
    lab.over()
    lab.healed(within_s=3 * lab.pace.heals_within_s)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            "results",
            marks=pytest.mark.fault(
                "results cannot be written for a while (a file lies where their folder belongs)",
                "No host fails; the dumps are kept, and classified when it can be done.",
            ),
        ),
        pytest.param(
            "report",
            marks=pytest.mark.fault(
                "the report cannot be written for a while (likewise)",
                "The run is closed and waits; it is rendered and mailed when it can be done.",
            ),
        ),
        pytest.param(
            "settled",
            marks=pytest.mark.fault(
                "the tables of a run cannot be written for a while (likewise)", "Likewise."
            ),
        ),
    ],
)
def test_a_folder_that_cannot_be_made(lab: Laboratory, name: str) -> None:
    lab.furnish()
    lab.gate.shut()
    lab.worker()
    lab.beat()
    run = lab.hand_over()
    place = lab.home / run.run_id / name
    place.touch()
    lab.gate.open()
    time.sleep(AWHILE_S)
    place.unlink()
    lab.over()
    lab.healed()


@pytest.mark.fault(
    "the archive has a run that the workers' account may not read",
    "Other runs go on; a trend that needs that run does without it.",
)
def test_an_unreadable_run(lab: Laboratory) -> None:
    lab.furnish()
    lab.worker(within=PLAIN)
    lab.beat()
    lab.hand_over()
    first = lab.healed()
    shutil.chown(lab.home / first.run_id, 12345)
    (lab.home / first.run_id).chmod(0o700)
    lab.hand_over()
    lab.over()
    lab.healed(runs=2, mails=2, swept=2)


@pytest.mark.fault(
    "a run that was given to the workers cannot be opened (a loop of symbolic links)",
    "Other runs go on; the log names it once.",
)
def test_a_run_that_cannot_be_opened(lab: Laboratory) -> None:
    lab.furnish()
    name = "20261101T000000Z-adhoc-0bad"
    (lab.home / name).symlink_to(name)
    (lab.home / "queued").mkdir()
    (lab.home / "queued" / name).touch()
    lab.ignored = (name,)
    worker = lab.worker()
    lab.beat()
    lab.hand_over()
    lab.over()
    lab.healed()
    eventually(lambda: name in worker.said())
    assert worker.said().count("Traceback") == 0


@pytest.mark.fault(
    "the folder of a run is deleted while it is swept",
    "The workers forget that run, and other runs go on.",
)
def test_a_run_is_deleted(lab: Laboratory) -> None:
    lab.furnish()
    lab.gate.shut()
    worker = lab.worker()
    lab.beat()
    gone = lab.hand_over()
    lab.await_logins(8)
    shutil.rmtree(lab.home / gone.run_id)
    lab.gate.open()
    eventually(lambda: not lab.runs.queued(), state=worker.said)
    shutil.rmtree(lab.home / gone.run_id, ignore_errors=True)  # what was being written
    lab.hand_over()
    lab.over()
    lab.healed(swept=2)
    told = worker.said().count(gone.run_id)
    time.sleep(5)
    assert worker.said().count(gone.run_id) == told


@pytest.mark.parametrize(
    "broker",
    [
        pytest.param(
            True,
            marks=pytest.mark.fault(
                "a dump is damaged on the disk",
                "Its host fails as `unreadable_dump`; all others have their result.",
            ),
        ),
        pytest.param(
            False,
            marks=pytest.mark.fault(
                "a dump is damaged on the disk, and the run is resumed without a broker", "Likewise."
            ),
        ),
    ],
)
def test_a_damaged_dump(lab: Laboratory, *, broker: bool) -> None:
    lab.furnish()
    collects = lab.worker("collect")
    run = lab.hand_over()
    eventually(lambda: len(run.dumped()) == lab.hosts, state=lab.state)
    dump = lab.home / run.run_id / "dumps" / "host004.dump"
    dump.write_bytes(dump.read_bytes()[:-1])
    if broker:
        lab.worker("classify", "report")
        lab.beat()
    else:
        collects.stop()
        lab.runs.unqueue(run.run_id)
        with lab.broker.client() as client:
            client.flushall()
        alone = lab.resume(run, lab.configure(lab.folder / "alone.yaml", broker=None, fleet=None))
        assert alone.ended() == 3, alone.said()
    lab.over()
    assert lab.failures(lab.healed(ok=7)) == {"host004": "unreadable_dump"}


@pytest.mark.parametrize(
    ("what", "most", "error"),
    [
        pytest.param(
            psutil.RLIMIT_NOFILE,
            20,
            "EMFILE|Too many open files",  # of a task, or of the main process, which then ends
            marks=pytest.mark.fault(
                "a worker may open no more files (`ulimit -n`), and another joins",
                "No host fails; the other worker does what the first one cannot.",
            ),
        ),
        pytest.param(
            psutil.RLIMIT_FSIZE,
            300,
            "EFBIG",
            marks=pytest.mark.fault(
                "a worker may write small files only (`ulimit -f`), and another joins", "Likewise."
            ),
        ),
    ],
)
def test_ulimit(lab: Laboratory, what: int, most: int, error: str) -> None:
    lab.furnish(12)
    # its log goes through a pipe, because that is no file
    limited = lab.worker("collect", at_once=1, within=("sh", "-c", '"$@" 2>&1 | cat', "sh")).ready()
    for process in psutil.Process(limited.process.pid).children(recursive=True):
        if process.name() != "cat":
            process.rlimit(what, (most, most))
    lab.worker("classify", "report")
    lab.beat()
    lab.hand_over()
    eventually(lambda: re.search(error, limited.said()), state=lambda: limited.said() + lab.state())
    lab.worker("collect", at_once=1)
    lab.over()
    lab.healed(swept=MANY, within_s=2 * lab.pace.heals_within_s)
