"""Messages that are none of ours, as whoever reaches Redis may write them; a real worker outlives them."""

import base64
import bz2
import json
import zlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from archive.runs import Runs
from domain.records import Limits
from tests.archive.examples import dump, is_rendered, manifest
from tests.waiting import eventually
from tests.workers.worker_process import PACE, running
from workers.fleet.broker import KEY_PREFIX, REFUSED_KEY
from workers.fleet.envelopes import MESSAGE_BYTES_MAX, RefusedError, vetted
from workers.fleet.post import (
    CLASSIFY_TASK,
    COLLECT_TASK,
    FINISH_TASK,
    FORMS,
    MAIL_TASK,
    RETURNS_MAX,
    TEND_TASK,
    WEBHOOK_TASK,
    Post,
)
from workers.fleet.tasks import worker_app
from workers.fleet.tending import hand_over
from workers.fleet.worker_settings import WorkerSettings

RUN_ID = "20261123T045837Z-run-0a1b"

Message = dict[str, object]
Change = Callable[[Message], object]


def body(*parts: object) -> str:
    return base64.b64encode(json.dumps(parts).encode()).decode()


def ours(task: str = COLLECT_TASK, **arguments: object) -> Message:
    """A message as our own post writes it."""
    given = arguments or {"run_id": RUN_ID, "hosts": ["a"]}
    return {
        "body": body([], given, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": task, "id": str(uuid4()), "eta": None, "expires": None},
        "properties": {
            "correlation_id": str(uuid4()),
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "collect"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        },
    }


def headers(**given: object) -> Change:
    return lambda message: message.update(headers={**_headers(message), **given})


def _headers(message: Message) -> dict[str, object]:
    found = message["headers"]
    assert isinstance(found, dict)
    return found


def arguments(*parts: object) -> Change:
    return lambda message: message.update(body=body(*parts))


def packed(content: bytes, method: str) -> Change:
    def change(message: Message) -> None:
        message.update(body=base64.b64encode(content).decode())
        headers(compression=method)(message)

    return change


GIVEN = {"run_id": RUN_ID, "hosts": ["a"]}
ANOTHER = {"task": "mapsweep.finish", "args": [], "kwargs": {"run_id": RUN_ID}, "options": {}}

CHANGES: dict[str, Change] = {
    "bytes": lambda message: message.update({"content-type": "application/data"}),
    "pickle": lambda message: message.update({"content-type": "application/x-python-serialize"}),
    "yaml": lambda message: message.update({"content-type": "application/x-yaml"}),
    "no type": lambda message: message.pop("content-type"),
    "a type that is a list": lambda message: message.update({"content-type": ["application/json"]}),
    "another encoding": lambda message: message.update({"content-encoding": "utf-16"}),
    "an encoding that is a number": lambda message: message.update({"content-encoding": 7}),
    "a bomb": packed(zlib.compress(b"0" * 10_000_000), "zlib"),
    "another bomb": packed(bz2.compress(b"0" * 10_000_000), "bzip2"),
    "packed by nobody": packed(b"{}", "middle-out"),
    "no headers": lambda message: message.pop("headers"),
    "headers that are a list": lambda message: message.update(headers=["task"]),
    "headers that are text": lambda message: message.update(headers="task"),
    "no task": headers(task=None),
    "an unknown task": headers(task="os.system"),
    "a task of Celery's own": headers(task="celery.backend_cleanup"),
    "a task that is a list": headers(task=[COLLECT_TASK]),
    "a task of another queue": headers(task=FINISH_TASK),
    "no id": headers(id=None),
    "an id that is an object": headers(id={"a": 1}),
    "an id with a line end": headers(id=f"{uuid4()}\n"),
    "for later": headers(eta="2999-01-01T00:00:00+00:00"),
    "for a time that is none": headers(eta=7),
    "until some time": headers(expires="2999-01-01T00:00:00+00:00"),
    "until a time that is none": headers(expires=[7]),
    "no properties": lambda message: message.pop("properties"),
    "no body": lambda message: message.pop("body"),
    "a body that is a number": lambda message: message.update(body=7),
    "a body that is no base64": lambda message: message.update(body="%%%%"),
    "a body that is no JSON": lambda message: message.update(body=base64.b64encode(b"\xff{").decode()),
    "a body with a tag": arguments([], {"__type__": "datetime", "__value__": "never"}, {}),
    "a body that is an object": lambda message: message.update(body=base64.b64encode(b"{}").decode()),
    "a body in two parts": arguments([], GIVEN),
    "arguments by place": arguments([RUN_ID], {}, {}),
    "no arguments": arguments([], {}, {}),
    "more arguments": arguments([], {**GIVEN, "run_url": "/etc"}, {}),
    "a run id that is a number": arguments([], {**GIVEN, "run_id": 7}, {}),
    "a run id that is an object": arguments([], {**GIVEN, "run_id": {"__type__": "uuid"}}, {}),
    "hosts that are text": arguments([], {**GIVEN, "hosts": "a"}, {}),
    "hosts that are numbers": arguments([], {**GIVEN, "hosts": [1]}, {}),
    "returned as text": arguments([], {**GIVEN, "returned": "1"}, {}),
    "returned by a yes": arguments([], {**GIVEN, "returned": True}, {}),
    "returned never": arguments([], {**GIVEN, "returned": 0}, {}),
    "returned too often": arguments([], {**GIVEN, "returned": RETURNS_MAX + 1}, {}),
    "another task behind it": arguments([], GIVEN, {"chain": [ANOTHER]}),
    "a task at its end": arguments([], GIVEN, {"callbacks": [ANOTHER]}),
    "a task at its failure": arguments([], GIVEN, {"errbacks": [ANOTHER]}),
    "what follows as a list": arguments([], GIVEN, [ANOTHER]),
}


def changed(change: Change) -> bytes:
    message = deepcopy(ours())
    change(message)
    return json.dumps(message).encode()


DEEP = b"[" * 100_000
RAW = {
    "nothing": b"",
    "text": b"collect",
    "bytes": b"\xff\x00\xfe",
    "null": b"null",
    "a number": b"7",
    "a long number": b"7" * 10_000,
    "a list": b"[[], {}, {}]",
    "an object": b"{}",
    "a deep nest": DEEP,
    "too many bytes": json.dumps(ours(run_id=RUN_ID, hosts=["a" * MESSAGE_BYTES_MAX])).encode(),
}
FORGED = RAW | {name: changed(change) for name, change in CHANGES.items()}


@pytest.mark.parametrize("name", FORGED)
def test_what_is_not_ours_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(RefusedError) as raised:
        vetted(FORGED[name], "collect")
    assert raised.value.args[0].isascii()
    assert len(str(raised.value)) < 100


@pytest.mark.parametrize("task", FORMS)
def test_a_task_is_taken_from_its_own_queue_alone(task: str) -> None:
    """Workers of `classify` have no keys, and must not act on what they read of a run."""
    form = FORMS[task]
    given: dict[str, object] = {**dict.fromkeys(form.texts, RUN_ID), **{name: ["a"] for name in form.lists}}
    message = ours(task)
    message["body"] = body([], given, {})
    text = json.dumps(message).encode()
    assert vetted(text, form.queue)
    for queue in {other.queue for other in FORMS.values()} - {form.queue}:
        with pytest.raises(RefusedError, match="in the wrong queue"):
            vetted(text, queue)


def test_what_is_ours_is_made_anew() -> None:
    message = ours()
    extra = headers(shadow="x\ny", timelimit=[1e9, 1e9], argsrepr="x" * 1000)
    extra(message)
    made = json.loads(vetted(json.dumps(message).encode(), "collect"))
    assert json.loads(base64.b64decode(made["body"]))[:2] == [[], GIVEN]
    assert made["headers"]["task"] == COLLECT_TASK
    assert made["headers"]["id"] == _headers(message)["id"]
    assert made["headers"]["expires"] is None
    assert made["headers"]["timelimit"] == [None, None]
    assert not {"shadow", "argsrepr"} & set(made["headers"])
    given = message["properties"]
    assert isinstance(given, dict)
    assert made["properties"]["delivery_tag"] != given["delivery_tag"]


def test_a_message_may_say_how_often_it_was_returned() -> None:
    often = json.dumps(ours(run_id=RUN_ID, hosts=["a"], returned=RETURNS_MAX)).encode()
    body = json.loads(base64.b64decode(json.loads(vetted(often, "collect"))["body"]))
    assert body[1] == GIVEN | {"returned": RETURNS_MAX}


def test_the_size_of_a_message_is_limited() -> None:
    message = ours()
    room = MESSAGE_BYTES_MAX - len(json.dumps({**message, "x": ""}))
    largest = json.dumps({**message, "x": "x" * room}).encode()
    assert len(largest) == MESSAGE_BYTES_MAX
    assert vetted(largest, "collect")
    with pytest.raises(RefusedError, match="is larger than 262144 bytes"):
        vetted(largest + b" ", "collect")


def test_what_our_post_writes_is_ours(post: Post, settings: WorkerSettings) -> None:
    asked = manifest(*(f"host{number:02}" for number in range(20)), "kept")
    run = Runs(settings.runs_url, settings.signing_key).create(replace(asked, limits=Limits()))
    run.write_dump(dump("kept"))
    hand_over(run, post)
    post.finish(run.run_id)
    for queue, count in (("collect", 1), ("classify", 1), ("report", 1)):
        messages = post.redis.lrange(KEY_PREFIX + queue, 0, -1)
        assert len(messages) == count
        assert all(vetted(str(message).encode(), queue) for message in messages)


SENT: dict[str, Callable[[Post], object]] = {
    COLLECT_TASK: lambda post: post.collect(RUN_ID, ["a"], 1),
    CLASSIFY_TASK: lambda post: post.classify(RUN_ID, "a"),
    FINISH_TASK: lambda post: post.finish(RUN_ID),
    TEND_TASK: lambda post: post.look_after(),
    MAIL_TASK: lambda post: post.mail(RUN_ID),
    WEBHOOK_TASK: lambda post: post.webhook(RUN_ID),
}


def test_all_that_a_worker_does_and_posts_is_accepted(post: Post, settings: WorkerSettings) -> None:
    tasks = {name for name in worker_app(settings).tasks if name.startswith("mapsweep.")}
    assert tasks == FORMS.keys() == SENT.keys()
    for task, send in SENT.items():
        send(post)
        queue = FORMS[task].queue
        item = post.redis.rpop(KEY_PREFIX + queue)
        assert json.loads(vetted(str(item).encode(), queue))["headers"]["task"] == task


def refused(post: Post) -> int:
    return int(post.redis.get(REFUSED_KEY) or 0)


def plant(post: Post, queue: str, *items: bytes) -> None:
    for item in items:
        post.redis.lpush(KEY_PREFIX + queue, item)


@pytest.mark.journey
def test_a_worker_outlives_every_message_and_counts_those_that_are_not_ours(
    post: Post, settings: WorkerSettings, tmp_path: Path
) -> None:
    run = Runs(settings.runs_url, settings.signing_key).create(manifest("a"))
    run.write_dump(dump("a"))
    plant(post, "collect", *FORGED.values())
    plant(post, "report", json.dumps(ours(TEND_TASK, run_id=RUN_ID)).encode())
    elsewhere = json.dumps([ours(), "", "elsewhere"]).encode()
    unacked = (b"", b"{", elsewhere, b"[]", b"[1, 2, 3]", b'[{}, "", "collect"]', b'{"a": 1}', b"\xff", DEEP)
    for number, entry in enumerate(unacked):
        post.redis.hset(f"{KEY_PREFIX}unacked", f"tag{number}", entry)
        post.redis.zadd(f"{KEY_PREFIX}unacked_index", {f"tag{number}": 1})
    with running("worker", settings, tmp_path) as worker:
        hand_over(run, post)
        eventually(lambda: refused(post) >= len(FORGED) + 1)
        eventually(lambda: run.has_ended("a"))
        post.finish(run.run_id)
        eventually(lambda: is_rendered(run) and not Runs(settings.runs_url).queued())
        eventually(lambda: not post.redis.zcard(f"{KEY_PREFIX}unacked_index"))
        assert worker.poll() is None
    log = (tmp_path / "worker.log").read_text()
    assert "Traceback" not in log
    # an empty entry is nothing at all
    assert refused(post) == len(FORGED) + 1 + len(unacked) - 1


@pytest.mark.journey
def test_a_taken_message_of_a_killed_worker_is_taken_again(
    post: Post, settings: WorkerSettings, tmp_path: Path
) -> None:
    settings = replace(settings, pace=replace(PACE, visibility_s=1))
    run = Runs(settings.runs_url, settings.signing_key).create(manifest("a"))
    Runs(settings.runs_url).queue(run.run_id)
    run.write_dump(dump("a"))
    message = json.loads(
        vetted(json.dumps(ours("mapsweep.classify", run_id=run.run_id, host="a")).encode(), "classify")
    )
    post.redis.hset(f"{KEY_PREFIX}unacked", "tag", json.dumps([message, "", "classify"]))
    post.redis.zadd(f"{KEY_PREFIX}unacked_index", {"tag": 1})
    with running("worker", settings, tmp_path):
        eventually(lambda: run.has_ended("a"))
    assert refused(post) == 0
