"""Runs that nobody planned who may: planted where runs lie, with messages about them, before real workers."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from archive import codec
from archive.notices import Notice
from archive.run import Run
from archive.runs import Runs
from archive.signature import sign, with_signature
from collector.inventory.inventory import load
from collector.inventory.sources import Surroundings
from domain.mistakes import OperatorError
from domain.moments import now
from domain.records import Connection, Host, Limits, Manifest, OwnerList
from reports.mail.delivery import MailSettings
from tests.archive.examples import SIGNING_KEY, dump, manifest
from tests.ports import free_port
from tests.redis_server import RedisServer, redis_server
from tests.smtp import Mailbox, mail_server
from tests.waiting import eventually
from tests.workers.worker_process import PACE, running
from workers.fleet.broker import KEY_PREFIX, REFUSED_KEY
from workers.fleet.fitness import announce
from workers.fleet.post import Post, post_office
from workers.fleet.tending import hand_over
from workers.fleet.trust import Trust, opened_by_id
from workers.fleet.worker_settings import WorkerSettings
from workers.life.outbox import keep_notice
from workers.life.schedules import Schedule

ANOTHER_KEY = b"another key, of more than 32 bytes.."
OURS, STRANGER = "ops@example.org", "stranger@example.org"
REFERENCE = 'reference://::data:application/json,{"version":1,"refs":{"manifest.json":"{}"}}'


@dataclass
class Tripwire:
    """A port of the attacker's: what connects to it was led there."""

    port: int = 0
    visits: list[str] = field(default_factory=list)


@contextmanager
def tripwire() -> Iterator[Tripwire]:
    wire = Tripwire()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        wire.port = int(listening.getsockname()[1])

        def serve() -> None:
            with suppress(OSError):
                while True:
                    visitor, address = listening.accept()
                    wire.visits.append(str(address))
                    visitor.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield wire
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as started:
        yield started


@dataclass(frozen=True)
class Scene:
    """What an attack starts from: a worker's settings, its inventory's host, and the attacker's port."""

    settings: WorkerSettings
    own: Host  # as the worker's inventory has it; nothing listens there
    wire: Tripwire
    mailbox: Mailbox

    def honest(self) -> Manifest:
        """A run of the worker's own host, within the worker's own limits."""
        return replace(manifest(), hosts=(self.own,), limits=self.settings.limits)


@pytest.fixture
def scene(server: RedisServer, key: Path, tmp_path: Path) -> Iterator[Scene]:
    mailbox = Mailbox()
    with tripwire() as wire, mail_server(tmp_path, mailbox=mailbox) as mail:
        own = Host(
            "web",
            "127.0.0.1",
            port=free_port(),
            key_file=str(key),
            groups=("fleet",),
            labels=(("owner", "ops"),),
        )
        described = {
            "ansible_host": own.address,
            "ansible_port": own.port,
            "ansible_ssh_private_key_file": str(key),
            "mapsweep_labels": dict(own.labels),
        }
        inventory = tmp_path / "inventory.yaml"
        inventory.write_text(json.dumps({"fleet": {"hosts": {"web": described}}}))
        settings = WorkerSettings(
            server.url,
            str(tmp_path / "runs"),
            broker_password=server.password,
            inventory=inventory,
            schedules=(Schedule("nightly", "all", "0 0 1 1 *", mail_to=(OURS,)),),
            mail=MailSettings("mapsweep@example.org", mail.host, mail.port, ca_file=mail.ca_file, attempts=1),
            pace=PACE,
        )
        yield Scene(settings, own, wire, mailbox)


@pytest.fixture
def post(scene: Scene) -> Iterator[Post]:
    office = post_office(scene.settings)
    office.redis.flushall()
    yield office
    office.redis.close()


def with_host(**changes: object) -> Callable[[Scene], Manifest]:
    """The worker's own host, with something about it that is the attacker's."""
    return lambda scene: replace(scene.honest(), hosts=(replace(scene.own, **changes),))  # type: ignore[arg-type]


PLANTED: dict[str, Callable[[Scene], Manifest]] = {
    "another host": lambda scene: replace(
        scene.honest(), hosts=(scene.own, replace(scene.own, name="mine", port=scene.wire.port))
    ),
    "its host elsewhere": lambda scene: replace(
        scene.honest(), hosts=(replace(scene.own, port=scene.wire.port),)
    ),
    "another address": with_host(address="127.0.0.2"),
    "a ProxyCommand for an address": with_host(address="-oProxyCommand=touch /tmp/x"),
    "another user": with_host(user="root"),
    "another key file": with_host(key_file="/etc/shadow"),
    "another root": with_host(root="/srv/evil"),
    "other groups": with_host(groups=("fleet", "root")),
    "another owner": with_host(labels=(("owner", "stranger"),)),
    "no owner": with_host(labels=()),
    "the worker's machine": with_host(connection=Connection.LOCAL),
    "the worker's machine by its name": lambda scene: replace(
        scene.honest(), hosts=(Host("localhost", "127.0.0.1", connection=Connection.LOCAL),)
    ),
    "other recipients": lambda scene: replace(scene.honest(), mail_to=(OURS, STRANGER)),
    "more time": lambda scene: replace(scene.honest(), limits=replace(scene.honest().limits, total_s=1e9)),
    "more bytes": lambda scene: replace(
        scene.honest(), limits=replace(scene.honest().limits, inflated_bytes=2**40)
    ),
    "no attempts": lambda scene: replace(scene.honest(), limits=replace(scene.honest().limits, attempts=0)),
    "evidence that there is not": lambda scene: replace(
        scene.honest(), scope=replace(scene.honest().scope, evidence="denied")
    ),
    "no deadline": lambda scene: replace(scene.honest(), deadline_at="never"),
    "a deadline without a zone": lambda scene: replace(scene.honest(), deadline_at="2999-01-01T00:00:00"),
}
TEXTS: dict[str, Callable[[bytes], bytes]] = {
    "a ProxyCommand": lambda text: text.replace(
        b'"become":', b'"ssh_args": "-o ProxyCommand=\'touch /tmp/x\'", "become":'
    ),
    "a line for the log": lambda text: text.replace(b'"become":', b'"\\nFORGED \\u001b[2J": 1, "become":'),
    "the id of another run": lambda text: text.replace(b"adhoc-", b"other-"),
    "a list": lambda _: b"[]",
    "a deep nest": lambda _: b"[" * 100_000,
}
CHECKED = len(PLANTED) + len(TEXTS)


def planted(scene: Scene, asked: Manifest, change: Callable[[bytes], bytes] = bytes) -> str:
    """A run as the attacker writes it, with the dump that would make it complete; the id of its folder."""
    run = Runs(scene.settings.runs_url).create(asked)
    text = run.store.read("manifest.json")
    assert change is bytes or change(text) != text
    run.store.replace("manifest.json", change(text))
    return run.run_id


def all_planted(scene: Scene) -> list[str]:
    """A run for each attack, each given to the workers as the attacker would give it."""
    ids = [planted(scene, make(scene)) for make in PLANTED.values()]
    return ids + [planted(scene, scene.honest(), change) for change in TEXTS.values()]


def refused(post: Post) -> int:
    return int(post.redis.get(REFUSED_KEY) or 0)


def attack(post: Post, ids: list[str], hosts: list[str]) -> int:
    """Send a worker what would have it act on these runs; how many messages those are."""
    for run_id in ids:
        post.collect(run_id, hosts, 20)
        post.finish(run_id)
    return 2 * len(ids)


def untouched(scene: Scene, run_id: str) -> bool:
    """Whether a folder holds what the attacker put there, and nothing else."""
    found = {path.name for path in (Path(scene.settings.runs_url) / run_id).rglob("*")}
    return found <= {"manifest.json", "manifest.sig"}


def carried_out(scene: Scene, run: Run, post: Post) -> None:
    """See that a run of a planner of ours is executed to its end, and mailed."""
    hand_over(run, post)
    eventually(lambda: bool(run.standing().failed))
    post.finish(run.run_id)
    eventually(lambda: run.mail_record.is_over() and not Runs(scene.settings.runs_url).queued())
    assert run.outcomes()[0].failure is not None


ELSEWHERE = ("{}/elsewhere/{}", "file://{}/elsewhere/{}", "../elsewhere/{1}", REFERENCE)


@pytest.mark.journey
@pytest.mark.parametrize("signing_key", [b"", SIGNING_KEY], ids=["without a key", "with a key"])
def test_a_worker_acts_on_no_planted_run_counts_it_and_lives(
    signing_key: bytes, scene: Scene, post: Post, tmp_path: Path
) -> None:
    settings = replace(scene.settings, signing_key=signing_key)
    ids = all_planted(scene)
    elsewhere = Runs(str(tmp_path / "elsewhere")).create(scene.honest())
    places = [place.format(tmp_path, elsewhere.run_id) if "{" in place[:20] else place for place in ELSEWHERE]
    honest = replace(scene.honest(), mail_to=(OURS,))
    if signing_key:
        ids += [planted(scene, honest), *wrongly_signed(scene, honest)]
    with running("worker", settings, tmp_path) as worker:
        sent = attack(post, [*ids, *places], ["web", "mine", "localhost"])
        eventually(lambda: refused(post) >= sent)
        carried_out(scene, Runs(settings.runs_url, signing_key).create(replace(honest, run_id=GOOD)), post)
        assert worker.poll() is None
    assert refused(post) == sent
    assert all(untouched(scene, run_id) for run_id in ids)
    assert scene.wire.visits == []
    assert [mail.recipients for mail in scene.mailbox.received] == [(OURS,)]
    log = (tmp_path / "worker.log").read_text()
    assert "Traceback" not in log
    assert "\nFORGED" not in log
    assert "\x1b[2J" not in log


GOOD = "20261129T000000Z-good-0000"


def wrongly_signed(scene: Scene, honest: Manifest) -> list[str]:
    """Runs with signatures that are not theirs."""
    runs = Runs(scene.settings.runs_url)
    good = codec.encode(replace(honest, run_id=GOOD))
    ids = []
    makers: tuple[Callable[[bytes], bytes], ...] = (
        lambda text: sign(ANOTHER_KEY, text),
        lambda _: sign(SIGNING_KEY, good),  # of another run, copied
        lambda text: sign(SIGNING_KEY, text)[:32],
        lambda text: sign(SIGNING_KEY, text).upper(),
        lambda _: b"",
        lambda _: b"\xff" * 65,
    )
    for number, make in enumerate(makers):
        run = runs.create(replace(honest, run_id=f"20261129T000000Z-forged-000{number}"))
        run.store.write_once("manifest.sig", make(run.store.read("manifest.json")))
        ids.append(run.run_id)
    return ids


@pytest.mark.journey
def test_a_planted_mark_of_a_run_has_nobody_look_after_it(scene: Scene, post: Post, tmp_path: Path) -> None:
    ids = all_planted(scene)
    for run_id in ids:
        Runs(scene.settings.runs_url).queue(run_id)
    announce(Runs(scene.settings.runs_url), post.redis)
    with running("worker", scene.settings, tmp_path):
        for _ in range(3):
            post.look_after()
        eventually(lambda: refused(post) >= CHECKED and not post.waiting("report"))
        carried = Runs(scene.settings.runs_url).create(replace(scene.honest(), mail_to=(OURS,)))
        hand_over(carried, post)
        eventually(lambda: bool(carried.standing().failed))
    assert refused(post) == CHECKED
    assert all(untouched(scene, run_id) for run_id in ids)


@pytest.mark.journey
def test_no_message_starts_a_run(scene: Scene, post: Post, tmp_path: Path) -> None:
    """What is due follows from the settings and the archive alone."""
    with running("worker", scene.settings, tmp_path):
        for name in ("nightly", "other", "../nightly"):
            post._app.send_task("mapsweep.start", kwargs={"schedule": name}, queue="report")
        eventually(lambda: refused(post) == 3)
    assert Runs(scene.settings.runs_url).ids() == []


def test_a_planted_notice_goes_only_to_those_whom_the_schedules_name(
    scene: Scene, post: Post, tmp_path: Path
) -> None:
    runs = Runs(scene.settings.runs_url)
    announce(runs, post.redis)
    at = now()  # one that is a day old is dropped
    planted = Notice("planted", ("evil@example.net",), "your invoice", "pay here\n", at)
    mixed = replace(planted, about="ours", to=(OURS, "evil@example.net"))
    for notice in (planted, mixed):
        keep_notice(runs, notice)
    with running("worker", scene.settings, tmp_path):
        post.mail(planted.notice_id)
        post.look_after()
        eventually(lambda: bool(scene.mailbox.received) and refused(post) == 2)
    assert [mail.recipients for mail in scene.mailbox.received] == [(OURS,)]
    assert runs.unmailed() == (planted.notice_id,)


@pytest.mark.journey
def test_with_a_key_a_planted_notice_is_not_mailed_nor_keeps_a_real_one_away(
    scene: Scene, post: Post, tmp_path: Path
) -> None:
    """Its recipients are those of a schedule, and its place is that of a notice of the workers."""
    signed, thief = replace(scene.settings, signing_key=SIGNING_KEY), Runs(scene.settings.runs_url)
    announce(thief, post.redis)
    ours = Notice("a start", (OURS,), "nightly did not start", "Why: the disk is full\n", now())
    other_key = with_signature(ours, b"k" * 32)
    html = "<form action=https://evil.example>"
    forged = [
        replace(ours, about="unsigned", text="pay here\n", html=html),
        replace(with_signature(ours, SIGNING_KEY), text="pay here\n"),
        replace(other_key, about="by another key"),
        replace(ours, about="no signature at all", signature="\u00e4"),
    ]
    for notice in forged:
        thief.store.replace(f"notices/{notice.notice_id}/notice.json", codec.encode(notice))
        thief.mark_unmailed(notice.notice_id)
    damaged = "notice-0123456789abcdef"
    thief.store.replace(f"notices/{damaged}/notice.json", b"{")
    thief.mark_unmailed(damaged)
    with running("worker", signed, tmp_path):
        for notice in forged:
            post.mail(notice.notice_id)
        post.look_after()
        eventually(lambda: refused(post) == 2 * len(forged) + 1)
        assert scene.mailbox.received == []
        keep_notice(signed.runs, ours)
        post.mail(ours.notice_id)
        eventually(lambda: ours.notice_id not in thief.unmailed())
    (mail,) = scene.mailbox.received
    assert mail.message.get_content().replace("\r\n", "\n") == ours.text
    assert set(thief.unmailed()) == {each.notice_id for each in forged} - {ours.notice_id}


@pytest.mark.journey
def test_an_old_signed_run_that_is_put_back_has_nobody_log_in(
    scene: Scene, post: Post, tmp_path: Path
) -> None:
    """Its results are taken away, so that all its hosts are open again; its deadline is signed."""
    signed = replace(scene.settings, signing_key=SIGNING_KEY)
    lured = replace(scene.own, port=scene.wire.port)
    old = "2026-01-01T00:00:00+00:00", "2026-01-01T04:00:00+00:00"
    planned = replace(scene.honest(), hosts=(lured,), started_at=old[0], deadline_at=old[1])
    run = signed.runs.create(planned)
    announce(signed.runs, post.redis)
    with running("worker", signed, tmp_path):
        signed.runs.queue(run.run_id)
        post.collect(run.run_id, [lured.name], 1)
        eventually(lambda: not post.waiting("collect"))
        post.look_after()
        eventually(lambda: bool(run.standing().failed))
    assert scene.wire.visits == []


@pytest.mark.parametrize("signing_key", [b"", SIGNING_KEY], ids=["without a key", "with a key"])
def test_what_a_planner_of_ours_plans_is_trusted(signing_key: bytes, scene: Scene) -> None:
    settings = replace(scene.settings, signing_key=signing_key)
    asked = [
        scene.honest(),
        replace(scene.honest(), hosts=(replace(scene.own, become=True),)),
        replace(scene.honest(), mail_to=(OURS,)),
        replace(scene.honest(), limits=replace(settings.limits, concurrency=1)),
        replace(scene.honest(), limits=settings.limits),
    ]
    if signing_key:  # with the key, a planner may go beyond a worker's settings
        unreadable = ("evidence that there is not", "no deadline", "a deadline without a zone")
        asked += [make(scene) for name, make in PLANTED.items() if name not in unreadable]
    for number, each in enumerate(asked):
        run = Runs(settings.runs_url, signing_key).create(
            replace(each, run_id=f"20261129T000000Z-x-{number:04x}")
        )
        assert Trust(settings).opened(run.run_id).manifest == run.manifest


def test_without_a_key_and_without_an_inventory_no_run_is_trusted(scene: Scene) -> None:
    run = Runs(scene.settings.runs_url).create(scene.honest())
    with pytest.raises(OperatorError, match=r"has the host 'web'.*signing_key_file"):
        Trust(replace(scene.settings, inventory=None)).opened(run.run_id)


def test_who_classifies_needs_no_inventory_and_keeps_to_its_own_limit(scene: Scene) -> None:
    trust = Trust(replace(scene.settings, inventory=None))
    runs, honest = Runs(scene.settings.runs_url), scene.honest()
    run = runs.create(honest)
    run.write_dump(dump("web"))
    assert trust.opened_to_classify(run.run_id).manifest == honest
    run_id = planted(scene, replace(PLANTED["more bytes"](scene), run_id=GOOD))
    with pytest.raises(OperatorError, match="has inflated_bytes above"):
        trust.opened_to_classify(run_id)
    slow = replace(honest, run_id=f"{GOOD[:-4]}beef", limits=replace(honest.limits, classify_s=1e6))
    with pytest.raises(OperatorError, match="has classify_s above"):
        trust.opened_to_classify(planted(scene, slow))
    keyed = Trust(replace(scene.settings, signing_key=SIGNING_KEY))
    with pytest.raises(OperatorError, match=r"manifest\.sig: is missing"):
        keyed.opened_to_classify(run.run_id)


def test_a_changed_manifest_is_not_trusted_by_its_old_signature(scene: Scene) -> None:
    settings = replace(scene.settings, signing_key=SIGNING_KEY)
    run = Runs(settings.runs_url, SIGNING_KEY).create(scene.honest())
    text = run.store.read("manifest.json")
    run.store.replace("manifest.json", text + b" ")
    opened_by_id.cache_clear()
    with pytest.raises(OperatorError, match=r"manifest\.sig: does not match manifest\.json"):
        Trust(settings).opened(run.run_id)
    assert f"{KEY_PREFIX}refused" == REFUSED_KEY


def test_without_a_key_owners_lists_are_those_of_the_settings(scene: Scene) -> None:
    """A planted manifest cannot have owners' parts mailed to strangers."""
    settings = replace(scene.settings, signing_key=b"", mail_owners=(OwnerList("web", ("web@example.org",)),))
    runs = Runs(settings.runs_url)
    for number, (to, is_trusted) in enumerate((("web@example.org", True), ("evil@example.net", False))):
        made = replace(manifest(), run_id=f"20261130T0{number}0000Z-planted-0001", limits=settings.limits)
        runs.create(replace(made, mail_owners=(OwnerList("web", (to,)),)))
        if is_trusted:
            assert Trust(settings).opened(made.run_id).manifest.mail_owners
            continue
        with pytest.raises(OperatorError, match="no schedule and no owner's list of this worker names"):
            Trust(settings).opened(made.run_id)


def test_a_worker_with_another_ssh_config_names_what_differs(tmp_path: Path) -> None:
    """It does not sweep as another account than was planned; the remedy is true."""
    planner, worker = tmp_path / "planner", tmp_path / "worker"
    for path, user in ((planner, "sweeper"), (worker, "other")):
        path.write_text(f"Host web\n HostName 127.0.0.9\n User {user}\n")
        path.chmod(0o600)
    inventory = tmp_path / "inventory.ini"
    inventory.write_text("web\n")
    host = load(inventory, Surroundings(ssh_config=(planner,))).hosts["web"]
    run = Runs(str(tmp_path / "runs")).create(replace(manifest(), hosts=(host,), limits=Limits()))
    settings = WorkerSettings(
        "redis://127.0.0.1:1/0",
        str(tmp_path / "runs"),
        inventory=inventory,
        surroundings=Surroundings(ssh_config=(worker,)),
    )
    with pytest.raises(OperatorError) as raised:
        Trust(settings).opened(run.run_id)
    (mistake,) = raised.value.mistakes
    assert mistake.problem.endswith("differs from this worker's inventory and ssh_config in user")
    assert "ssh_config" in mistake.remedy
    same = replace(settings, surroundings=Surroundings(ssh_config=(planner,)))
    assert Trust(same).opened(run.run_id).manifest == run.manifest
