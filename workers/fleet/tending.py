"""Looks after runs that were given to the fleet: posts lost messages again, and finishes complete runs.

Beat's periodic task does it, and so does a command line that waits for its run. It never waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from archive.run import Run
from archive.runs import runs_beside
from domain.records import Stage
from workers.fleet.app import CLASSIFY, COLLECT
from workers.fleet.clock import fleet_now
from workers.fleet.fitness import announce
from workers.fleet.leases import RUN, Leases, Step
from workers.fleet.post import Post
from workers.life import deadline, host_steps
from workers.life.pace import Pace

_QUEUE_OF = {Step.COLLECT: COLLECT, Step.CLASSIFY: CLASSIFY}


@dataclass(frozen=True, slots=True)
class Tender:
    """Looks after one run."""

    run: Run
    post: Post
    leases: Leases
    pace: Pace

    def advance(self) -> bool:
        """Take the run one step further; False if no worker manages to finish it."""
        if self.run.closed() is None:
            if deadline.is_past(self.run, fleet_now(self.post.redis)):
                nobody_classifies = self.leases.overdue_s() > self.pace.task_s
                deadline.fail_missing(self.run, dumped=nobody_classifies)
            standing = self.run.standing()
            pending = [host.name for host in self.run.pending(standing)]
            self._post_lost(Step.COLLECT, [host for host in pending if host not in standing.dumped])
            self._post_lost(Step.CLASSIFY, [host for host in pending if host in standing.dumped])
            if pending:
                return True
        return self._post_finish()

    def _post_lost(self, step: Step, hosts: list[str]) -> None:
        """Post hosts again on which nobody works: their worker died, or their message was lost."""
        if not hosts:
            return
        begun, held = self.leases.attempts(step), self.leases.held(step, hosts)
        # otherwise the message about a host may still wait in the queue
        never_posted = self.post.waiting(_QUEUE_OF[step]) == 0
        free = [host for host in hosts if host not in held and (host in begun or never_posted)]
        again = []
        for host in free:
            if begun.get(host, 0) >= self.pace.attempts:
                self._give_up(step, host, begun[host])
            elif self.leases.may_post(step, host, self.pace.again_s):
                again.append(host)
        self._send(step, again, begun)

    def _send(self, step: Step, hosts: Iterable[str], begun: dict[str, int]) -> None:
        if step is Step.CLASSIFY:
            for host in hosts:
                self.post.classify(self.run.run_id, host)
            return
        at_once = self.run.manifest.limits.concurrency
        self.post.collect(self.run.run_id, [host for host in hosts if host not in begun], at_once)
        for host in hosts:
            if host in begun:  # alone, so that if it kills its worker again, no other host is affected
                self.post.collect(self.run.run_id, [host], at_once)

    def _give_up(self, step: Step, host: str, attempts: int) -> None:
        detail = (
            f"{attempts} workers began to {step} it and did not finish it:"
            " they were killed, out of memory, or too slow"
        )
        host_steps.fail_host(self.run, host, Stage.WORKER, "worker_lost", detail=detail)

    def _post_finish(self) -> bool:
        if self.leases.held(Step.FINISH, [RUN]):
            return True
        begun = self.leases.attempts(Step.FINISH).get(RUN, 0)
        if begun >= self.pace.attempts:
            return False
        if self.leases.may_post(Step.FINISH, RUN, self.pace.again_s):
            self.post.finish(self.run.run_id)
        return True


def hand_over(run: Run, post: Post) -> None:
    """Give a run to the fleet, which looks after it until it is finished.

    OperatorError if the fleet works in another archive.
    """
    runs = runs_beside(run)
    announce(runs, post.redis)
    runs.queue(run.run_id)
    dumped = run.dumped()
    pending = [host.name for host in run.pending()]
    at_once = run.manifest.limits.concurrency
    post.collect(run.run_id, [host for host in pending if host not in dumped], at_once)
    for host in pending:
        if host in dumped:
            post.classify(run.run_id, host)


def look_after(run: Run, post: Post, pace: Pace) -> bool:
    """Look after one run, unless somebody has just done so; False if no worker manages to finish it."""
    leases = Leases(post.redis, run.run_id, pace.lease_s)
    if not leases.may_tend(pace.tend_s):
        return True
    announce(runs_beside(run), post.redis)
    return Tender(run, post, leases, pace).advance()
