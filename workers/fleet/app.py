"""The Celery application that the workers, beat and the command line share.

Celery does not hold the state of a run: its messages are references that may be lost, repeated or late. The
run's folder says what is done, and leases (`workers.fleet.leases`) say who works on what.
"""

from celery import Celery

from domain.mistakes import Mistake, OperatorError
from workers.fleet.broker import KEY_PREFIX, SOCKET_TIMEOUT_S, broker_url, tls_options
from workers.fleet.worker_settings import WorkerSettings

COLLECT, CLASSIFY, REPORT = QUEUES = ("collect", "classify", "report")
TRANSPORT = "workers.fleet.transport:Transport"  # checks messages before kombu unpacks them
TASK = "workers.fleet.celery_log:NamedTask"  # names run and host in Celery's lines about a task
TASKS_PER_CHILD_MAX = 500


def queues_of(typed: str) -> tuple[str, ...]:
    """The queues of a text like `collect,report`; OperatorError if one is unknown."""
    queues = tuple(filter(None, typed.split(",")))
    for queue in queues:
        if queue not in QUEUES:
            remedy = f"the queues are {', '.join(QUEUES)}"
            raise OperatorError(Mistake(f"--queues {queue}", "is not a queue", remedy))
    return queues


def celery_app(settings: WorkerSettings) -> Celery:
    """The application without tasks, for publishing; OperatorError if the broker's URL is invalid."""
    app = Celery("mapsweep", broker=broker_url(settings), set_as_current=False, task_cls=TASK)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        broker_transport=TRANSPORT,
        task_ignore_result=True,
        task_acks_late=True,
        # leases return a killed worker's hosts, and count the attempts; a requeued message would loop
        task_reject_on_worker_lost=False,
        task_time_limit=settings.pace.task_s,
        task_create_missing_queues=True,
        task_default_queue=REPORT,
        worker_prefetch_multiplier=1,
        worker_max_tasks_per_child=TASKS_PER_CHILD_MAX,
        worker_enable_remote_control=False,  # its reply queues are never emptied after a client has gone
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # a worker survives a restart of Redis
        broker_transport_options={
            "visibility_timeout": settings.pace.visibility_s,
            "global_keyprefix": KEY_PREFIX,
            "socket_timeout": SOCKET_TIMEOUT_S,
            "socket_connect_timeout": SOCKET_TIMEOUT_S,
            "socket_keepalive": True,
            "health_check_interval": SOCKET_TIMEOUT_S,
            "retry_on_timeout": True,
        },
        broker_use_ssl=tls_options(settings) or False,
        timezone="UTC",
    )
    return app
