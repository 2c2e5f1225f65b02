"""What a round does beside starting, ending and mailing runs."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from archive.retention import Keep
from archive.runs import Runs
from tests.archive.kept_runs import made
from workers.fleet.fitness import announce
from workers.fleet.post import Post
from workers.fleet.rounds import Rounds
from workers.fleet.trust import Trust
from workers.fleet.worker_settings import WorkerSettings

pytestmark = pytest.mark.journey
KEEP = Keep(days=90, dumps_days=7)


def rounds(settings: WorkerSettings, post: Post, keep: Keep | None) -> Rounds:
    announce(Runs(settings.runs_url), post.redis)  # or else it might be a folder whose mount is missing
    kept = replace(settings, keep=keep)
    return Rounds(kept, post, Trust(kept))


def test_a_fleet_prunes_once_an_hour_if_it_is_set(settings: WorkerSettings, post: Post) -> None:
    runs, now = Runs(settings.runs_url), datetime.now(UTC)
    old = made(runs, now, 100, ok=0)
    rounds(settings, post, None).look_after_all()
    assert runs.ids() == [old.run_id]
    rounds(settings, post, KEEP).look_after_all()
    assert runs.ids() == []
    assert post.redis.ttl("mapsweep:claim:prune") > 3000
    made(runs, now, 100, ok=0)
    rounds(settings, post, KEEP).look_after_all()
    assert len(runs.ids()) == 1


def test_what_the_fleet_has_still_to_do_is_not_pruned(settings: WorkerSettings, post: Post) -> None:
    runs, now = Runs(settings.runs_url, settings.signing_key), datetime.now(UTC)
    queued, unmailed = made(runs, now, 100, ok=0), made(runs, now, 99, ok=0)
    runs.queue(queued.run_id)
    runs.mark_unmailed(unmailed.run_id)
    free = made(runs, now, 98, ok=0)
    rounds(settings, post, KEEP).look_after_all()
    assert runs.ids() == [queued.run_id, unmailed.run_id]
    assert not free.is_there()
