"""Celery's log lines: written by the handlers that are there, and with the run and host of their task."""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final

from celery import Task
from celery.signals import setup_logging, task_postrun, task_prerun, worker_shutdown
from celery.utils.log import get_multiprocessing_logger
from celery.worker.request import Request

from domain.about import about
from workers.life.outbox import is_notice

log = logging.getLogger("workers")

# A task runs alone in its process, and Celery logs its failure after it has returned.
_of_task: Final = ExitStack()


def keep_our_log() -> None:
    """Celery sets up no handlers, levels or formats of its own, neither here nor in its pool."""
    setup_logging.connect(_leave_as_it_is, weak=False)
    task_prerun.connect(_begin, weak=False)
    task_postrun.connect(_end, weak=False)
    worker_shutdown.connect(_tell_end, weak=False)


def known_of(task: str, arguments: object) -> dict[str, str]:
    """What a message is about, for `domain.about.about`; whatever else it holds is left out."""
    known = {"stage": task.rpartition(".")[2]}
    if not isinstance(arguments, Mapping):
        return known
    hosts = arguments.get("hosts")
    one = hosts[0] if isinstance(hosts, list) and len(hosts) == 1 else arguments.get("host")
    mailed = arguments.get("name")  # a run or a notice
    is_run = isinstance(mailed, str) and not is_notice(mailed)
    named = {"run": arguments.get("run_id") or (mailed if is_run else None), "host": one}
    return known | {name: value for name, value in named.items() if isinstance(value, str)}


class NamedRequest(Request):
    """A message in the main process of a worker, which logs when its task was killed or took too long."""

    def on_failure(self, *given: Any, **named: Any) -> Any:
        """Log a failure that the task could not log itself."""
        with about(**self._known()):
            return super().on_failure(*given, **named)

    def on_timeout(self, *given: Any, **named: Any) -> Any:
        """Log that a task was killed after its time."""
        with about(**self._known()):
            return super().on_timeout(*given, **named)

    def _known(self) -> dict[str, str]:
        return known_of(str(self.name), self.kwargs)


class NamedTask(Task):  # type: ignore[type-arg]
    """A task whose messages are named."""

    Request = f"{__name__}:{NamedRequest.__name__}"


def _leave_as_it_is(**_: object) -> None:
    """Celery leaves the log alone where somebody listens to this signal."""
    get_multiprocessing_logger()  # makes it, and has it keep its lines to itself
    logging.getLogger("multiprocessing").propagate = True  # what the pool says about killed processes


def _begin(*, task: Any, kwargs: object = None, **_: object) -> None:
    _of_task.close()
    _of_task.enter_context(about(**known_of(task.name, kwargs)))


def _end(**_: object) -> None:
    _of_task.close()


def _tell_end(**_: object) -> None:
    log.info("the worker ends")
