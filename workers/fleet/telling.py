"""Tells a mail list something once: by the outbox, or at once if the archive cannot keep it."""

from typing import TYPE_CHECKING

from archive.notices import Notice
from archive.runs import Runs
from workers.fleet.claims import is_told, note_told
from workers.life.outbox import keep_notice, send_now

if TYPE_CHECKING:
    import redis

    from reports.mail.delivery import MailSettings


def tell(client: "redis.Redis", runs: Runs, notice: Notice, mail: "MailSettings | None") -> bool:
    """Have a notice mailed, unless it is on its way or has no recipient; False if that failed.

    That it is told is noted last, so that the notice of a worker that is killed meanwhile is not lost.
    """
    if not notice.to or is_told(client, notice.notice_id):
        return True
    try:
        keep_notice(runs, notice)
    except OSError:
        if mail is None or not send_now(notice, mail):
            return False
    note_told(client, notice.notice_id)
    return True
