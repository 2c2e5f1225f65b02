"""Messages to the workers: the id of a run and names of its hosts, never a path or a dump."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from celery import Celery

from workers.fleet.app import CLASSIFY, COLLECT, REPORT, celery_app
from workers.fleet.broker import KEY_PREFIX, redis_client
from workers.fleet.worker_settings import WorkerSettings

if TYPE_CHECKING:
    import redis

COLLECT_TASK = "mapsweep.collect"
CLASSIFY_TASK = "mapsweep.classify"
FINISH_TASK = "mapsweep.finish"
TEND_TASK = "mapsweep.tend"
MAIL_TASK = "mapsweep.mail"
WEBHOOK_TASK = "mapsweep.webhook"
RETURNED = "returned"  # the argument that says how often a message was returned
RETURNS_MAX = 10  # workers that may return a message because they cannot read its run


@dataclass(frozen=True, slots=True)
class Form:
    """What a message about a task looks like: its queue, and its arguments."""

    queue: str
    texts: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()  # lists of texts
    may_return: bool = False  # then it may say how often it was returned


# All that is sent, and all that is accepted: a task that is not here cannot be sent.
FORMS = {
    COLLECT_TASK: Form(COLLECT, frozenset({"run_id"}), frozenset({"hosts"}), may_return=True),
    CLASSIFY_TASK: Form(CLASSIFY, frozenset({"run_id", "host"}), may_return=True),
    FINISH_TASK: Form(REPORT, frozenset({"run_id"}), may_return=True),
    TEND_TASK: Form(REPORT),
    MAIL_TASK: Form(REPORT, frozenset({"name"})),
    WEBHOOK_TASK: Form(REPORT, frozenset({"run_id"})),
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a task has it: what it asks for, and how often it was returned."""

    task: str
    arguments: dict[str, object]
    returned: int = 0


class Post:
    """Sends messages, and counts those that wait."""

    def __init__(self, app: Celery, client: "redis.Redis", settings: WorkerSettings) -> None:
        self.redis = client
        self._app = app
        self._pace = settings.pace

    def collect(self, run_id: str, hosts: Sequence[str], at_once: int) -> None:
        """Have hosts swept; each message has at most as many as a task sweeps at once."""
        size = max(1, min(self._pace.hosts_per_task, at_once))
        for start in range(0, len(hosts), size):
            batch = list(hosts[start : start + size])
            self._send(COLLECT_TASK, {"run_id": run_id, "hosts": batch})

    def classify(self, run_id: str, host: str) -> None:
        """Have a host's dump classified."""
        self._send(CLASSIFY_TASK, {"run_id": run_id, "host": host})

    def finish(self, run_id: str) -> None:
        """Have a run closed, rendered and mailed."""
        self._send(FINISH_TASK, {"run_id": run_id})

    def look_after(self) -> None:
        """Have somebody look after schedules, runs and mail."""
        self._send(TEND_TASK, {})

    def mail(self, name: str) -> None:
        """Have a report or a notice of the outbox mailed."""
        self._send(MAIL_TASK, {"name": name})

    def webhook(self, run_id: str) -> None:
        """Have the news of a run posted to the webhook."""
        self._send(WEBHOOK_TASK, {"run_id": run_id})

    def back(self, message: Message, *, counts: bool = False) -> bool:
        """Return a message to its queue, behind all others; False if it was returned too often.

        `counts`: it is one of the returns that are counted.
        """
        returned = message.returned + counts
        if returned > RETURNS_MAX:
            return False
        more = {RETURNED: returned} if returned else {}
        self._send(message.task, message.arguments | more)
        return True

    def waiting(self, queue: str) -> int:
        """The number of messages that no worker has taken yet."""
        return self.redis.llen(KEY_PREFIX + queue)

    def _send(self, task: str, arguments: dict[str, object]) -> None:
        self._app.send_task(task, kwargs=arguments, queue=FORMS[task].queue, ignore_result=True)


def post_office(settings: WorkerSettings) -> Post:
    """A Post for processes that are not workers."""
    return Post(celery_app(settings), redis_client(settings), settings)
