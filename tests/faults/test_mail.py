"""Mail servers that are down, defer, or refuse some."""

import time

import pytest

from tests.faults.laboratory import LIST, Laboratory
from tests.faults.processes import eventually

pytestmark = [pytest.mark.journey, pytest.mark.slow]

WAIT_S = 60  # the first try after one that failed; the pace has no part in it
DEFERRED = "451 4.7.1 greylisted, try again later"


@pytest.mark.fault(
    "the mail server is down when the run ends",
    "The mail is tried again after 1, 2, 4, 8 and then each 15 minutes, for `mail.keep_trying_s` (a day).",
)
def test_down(lab: Laboratory) -> None:
    lab.furnish()
    lab.post.down()
    lab.worker()
    lab.beat()
    lab.hand_over()
    eventually(lambda: lab.run().closed(), state=lab.state)
    time.sleep(25)
    lab.post.up()
    lab.over()
    lab.healed(within_s=WAIT_S + lab.pace.heals_within_s)


@pytest.mark.fault(
    "the mail server is down, and a client watches",
    "The client ends with 5 and says when the next try is; the workers mail it.",
)
def test_down_while_a_client_watches(lab: Laboratory) -> None:
    lab.furnish()
    lab.post.down()
    lab.worker()
    lab.beat()
    client = lab.collect()
    assert client.ended() == 5, client.said()
    assert "next try" in client.said()
    lab.post.up()
    lab.over()
    lab.healed(within_s=WAIT_S + lab.pace.heals_within_s)


@pytest.mark.fault(
    "the mail server defers everybody (451, greylisting)",
    "Likewise: it is tried again after a minute.",
)
def test_greylisted(lab: Laboratory) -> None:
    lab.furnish()
    lab.post.mailbox.refuse = dict.fromkeys(LIST, DEFERRED)
    lab.worker()
    lab.beat()
    lab.hand_over()
    eventually(lambda: lab.run().closed(), state=lab.state)
    time.sleep(25)
    assert lab.mails() == 0
    lab.post.mailbox.refuse = {}
    lab.over()
    lab.healed(within_s=WAIT_S + lab.pace.heals_within_s)


@pytest.mark.fault(
    "the mail server defers one recipient (451)",
    "The others have it at once and once; that one has it later.",
)
def test_one_is_greylisted(lab: Laboratory) -> None:
    lab.furnish()
    lab.post.mailbox.refuse = {LIST[1]: DEFERRED}
    lab.worker()
    lab.beat()
    lab.hand_over()
    eventually(lambda: lab.mails() == 1, state=lab.state)
    time.sleep(25)
    lab.post.mailbox.refuse = {}
    lab.over()
    lab.healed(mails=2, within_s=WAIT_S + lab.pace.heals_within_s)
    assert [each.recipients for each in lab.post.mailbox.received] == [LIST[:1], LIST[1:]]


@pytest.mark.fault(
    "the mail server refuses one recipient for good (550)",
    "The others have it. A watching client ends with 5, and `mapsweep runs` and the log say who has not.",
)
def test_one_is_refused(lab: Laboratory) -> None:
    lab.furnish()
    lab.post.mailbox.refuse = {LIST[1]: "550 5.1.1 no such user"}
    worker = lab.worker()
    client = lab.collect()
    lab.healed()
    assert lab.post.mailbox.received[0].recipients == LIST[:1]
    assert client.ended() == 5, client.said()
    assert LIST[1] in client.said()
    assert LIST[1] in worker.said()
