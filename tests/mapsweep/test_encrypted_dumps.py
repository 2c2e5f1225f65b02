"""The commands with encrypted dumps: what each does with the private key, and what it says without it."""

import json
import re
from pathlib import Path

import pytest

from archive.dump_keys import is_encrypted
from archive.run import Run
from archive.runs import Runs
from mapsweep.checkup import checked
from mapsweep.settings.settings import load
from tests.age_keys import AgeKey, age_key, ssh_key
from tests.mapsweep.conftest import Here
from tests.ports import free_port
from workers.fleet.app import CLASSIFY, COLLECT, REPORT

pytestmark = pytest.mark.slow

LOCKED = "the dump is encrypted: set dump_identity_file"


class Site:
    """Two machines with the same folder of runs: one that sweeps, and one that has the private key."""

    def __init__(self, folder: Path, fleet: Path, here: Here) -> None:
        self.runs, self.fleet, self.here = folder / "runs", fleet, here
        self.key = age_key(folder)
        self.sweeps = self.settings("sweeps", f"dump_recipients: [{self.key.public}]\n")
        self.reads = self.settings(
            "reads", f"dump_recipients: [{self.key.public}]\ndump_identity_file: {self.key.file}\n"
        )
        self.folder = folder

    def settings(self, name: str, text: str) -> Path:
        path = self.runs.with_name(f"{name}.yaml")
        path.write_text(f"runs: {self.runs}\n{text}")
        return path

    def swept(self, config: Path | None = None) -> Run:
        words = ("collect", "-i", self.fleet, "--hosts", "web-*", "--config", config or self.sweeps)
        ended = self.here(*words)
        assert ended.code == 0, ended.err
        return self.run

    @property
    def run(self) -> Run:
        runs = Runs(str(self.runs))
        return runs.by_id(runs.latest())


@pytest.fixture
def site(tmp_path: Path, fleet: Path, here: Here) -> Site:
    return Site(tmp_path, fleet, here)


def test_who_swept_shows_the_host_and_only_who_has_the_private_key_its_mappings(site: Site) -> None:
    run = site.swept()
    for name in ("web-01", "web-02"):
        assert is_encrypted(run.store.read(f"dumps/{name}.dump"))
    host = site.here("show", "web-01", "--config", site.sweeps)
    assert (host.code, host.err) == (0, "")
    process = site.here("show", "web-01/4711", "--mappings", "--config", site.sweeps)
    assert process.code == 0
    assert f"no mappings: {LOCKED} (" in " ".join(process.out.split())
    ranges = site.here("show", "web-01/4711", "--format", "ranges", "--config", site.sweeps)
    assert ranges.code == 2
    assert f"web-01/4711: {LOCKED}" in " ".join(ranges.err.split())
    document = json.loads(
        site.here("show", "web-01/4711", "--mappings", "--json", "--config", site.sweeps).out
    )
    assert LOCKED in json.dumps(document)
    read = site.here("show", "web-01/4711", "--format", "ranges", "--config", site.reads)
    assert (read.code, read.err) == (0, "")
    assert read.out.count("\n") > 3


def test_a_report_goes_on_and_says_what_is_left_out(site: Site) -> None:
    run = site.swept()
    page = run.store.read("report/index.html").decode()
    assert f"Mappings are left out: {LOCKED}." in page
    assert site.here("report", run.run_id, "--config", site.reads).code == 0
    assert LOCKED not in run.store.read("report/index.html").decode()
    assert site.here("report", run.run_id, "--config", site.sweeps).code == 0
    assert LOCKED in run.store.read("report/index.html").decode()
    assert site.here("report", run.run_id, "--format", "json", "--config", site.sweeps).code == 0


def test_reclassify_takes_the_private_key(site: Site) -> None:
    run = site.swept()
    before = run.closed()
    refused = site.here("reclassify", run.run_id, "--config", site.sweeps)
    assert refused.code == 2
    assert LOCKED in " ".join(refused.err.split())
    assert site.run.closed() == before
    assert site.here("reclassify", run.run_id, "--config", site.reads).code == 0
    closed = site.run.closed()
    assert closed is not None
    assert before is not None
    assert closed.results != before.results


def test_what_is_wrong_with_the_keys_is_told_before_a_host_is_asked(site: Site, tmp_path: Path) -> None:
    other = age_key(tmp_path, "other")
    locked = ssh_key(tmp_path, "ed25519", "secret")
    private = site.key.file.read_text().splitlines()[1]
    ours, identity = f"dump_recipients: [{site.key.public}]", "dump_identity_file: "
    for text, told in (
        (f"{ours}\n{identity}{other.file}", "has no key of dump_recipients"),
        (f"{ours}\n{identity}{locked.file}", "protected by a passphrase"),
        (f"dump_recipients: [{private}]", "must be a public key, and this is a private one"),
        ("dump_recipients: [age1nonsense]", "'age1nonsense' is no such key"),
        ("dump_recipients: [sre@example.org]", "must be a public key: age1"),
        ("dump_recipients: age1nonsense", "dump_recipients.* must be a (valid tuple|list)"),
    ):
        ended = site.here(
            "collect", "-i", site.fleet, "--hosts", "web-*", "--config", site.settings("wrong", text)
        )
        assert ended.code == 2, text
        assert re.search(told, " ".join(ended.err.split())), ended.err
        assert private not in ended.out + ended.err
    site.key.file.chmod(0o644)
    exposed = site.here("collect", "-i", site.fleet, "--hosts", "web-*", "--config", site.reads)
    assert exposed.code == 2
    assert "other accounts may use this private key (mode 0644)" in " ".join(exposed.err.split())
    assert not site.runs.exists()


def test_a_machine_that_the_private_key_is_not_on_sweeps_with_the_same_settings(site: Site) -> None:
    site.key.file.rename(site.key.file.with_name("elsewhere"))
    run = site.swept(site.reads)
    shown = site.here("show", "web-01/4711", "--mappings", "--run", run.run_id, "--config", site.reads)
    told = " ".join(shown.out.split())
    assert f"{LOCKED}; there is no file {site.key.file}" in told


def test_a_check_says_for_whom_dumps_are_encrypted_and_whether_they_are_read_here(site: Site) -> None:
    def facts(config: Path, *queues: str) -> tuple[list[str], list[str]]:
        found = checked(load(config, {}), {}, queues)
        told = [fact.text for fact in found.facts if fact.what == "dumps"]
        return told, [str(each) for each in found.mistakes if "dump_" in str(each) or "identity" in str(each)]

    assert facts(site.sweeps, COLLECT) == (
        ["encrypted for 1 key; no private key here: not readable after the sweep"],
        [],
    )
    assert facts(site.reads, COLLECT, CLASSIFY) == ([f"encrypted for 1 key; {site.key.file}"], [])
    only_reads = site.settings("only", f"dump_identity_file: {site.key.file}\n")
    assert facts(only_reads, CLASSIFY) == ([f"not encrypted; {site.key.file}"], [])
    assert facts(site.settings("plain", ""), COLLECT, CLASSIFY) == ([], [])
    broker = site.settings(
        "broker", f"{site.sweeps.read_text().split(chr(10))[1]}\nbroker: redis://127.0.0.1/0\n"
    )
    assert facts(broker, REPORT) == ([], [])
    told, (mistake,) = facts(broker, CLASSIFY)
    assert told == []
    assert "dump_identity_file: is not set, and dumps are encrypted" in mistake
    site.key.file.chmod(0o666)
    told, (mistake,) = facts(site.reads, COLLECT)
    assert (told, "other accounts may use" in mistake) == ([], True)


def test_a_visit_of_the_doctor_checks_the_keys_and_leaves_no_plain_dump(site: Site, here: Here) -> None:
    words = ("doctor", "-i", site.fleet, "--hosts", "web-*", "--json", "--config")
    visited = json.loads(here(*words, site.sweeps).out)
    (told,) = [each["text"] for each in visited["machine"] if each["name"] == "dumps"]
    assert told.startswith("encrypted for 1 key")
    assert sorted(visited["answered"]) == ["web-01", "web-02"]
    site.key.file.chmod(0o640)
    visited = json.loads(here(*words, site.reads).out)
    (told,) = [each for each in visited["machine"] if each["level"] == "FAIL"]
    assert "other accounts may use this private key" in told["text"]
    assert told["remedy"] == f"chmod go= {site.key.file}"


@pytest.mark.parametrize("queues", ["collect,classify,report", "classify"])
def test_a_worker_that_classifies_does_not_start_without_the_private_key(site: Site, queues: str) -> None:
    broker = ("--broker", f"redis://127.0.0.1:{free_port()}/0")
    ended = site.here("worker", "--queues", queues, *broker, "--config", site.sweeps)
    assert ended.code == 2
    assert "dump_identity_file: is not set, and dumps are encrypted" in " ".join(ended.err.split())
    site.key.file.unlink()
    ended = site.here("worker", "--queues", queues, *broker, "--config", site.reads)
    assert ended.code == 2
    assert f"{site.key.file}: the identity cannot be read" in " ".join(ended.err.split())


def test_ssh_keys_do_as_well(site: Site, tmp_path: Path) -> None:
    key: AgeKey = ssh_key(tmp_path, "ed25519")
    config = site.settings("ssh", f"dump_recipients: ['{key.public}']\ndump_identity_file: {key.file}\n")
    site.swept(config)
    read = site.here("show", "web-01/4711", "--format", "csv", "--config", config)
    assert (read.code, read.err) == (0, "")
