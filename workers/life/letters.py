"""The mails of a closed run: the report to its list, and to each owner what concerns its hosts."""

from email.message import EmailMessage
from functools import cached_property
from typing import TYPE_CHECKING

from archive.run import PAGE, Run
from archive.run_mail import TO_THE_LIST

if TYPE_CHECKING:
    from reports.mail.delivery import MailSettings
    from reports.report import Report

# Polars and Jinja take 0.2 s to start: only what is rendered imports them.


class Letters:
    """What the mails of one run say. The report is read once for all of them."""

    def __init__(self, run: Run, mail: "MailSettings") -> None:
        self._run = run
        self._mail = mail

    def withheld(self, owner: str) -> str:
        """Why there is no mail to this owner, or to the run's list; "" if there is one."""
        from reports.sentence.news import has_anything, why_not  # noqa: PLC0415 # see above

        report = self._of(owner)
        if owner != TO_THE_LIST and not has_anything(report):
            return f"nothing to say about the hosts of {owner}"
        return why_not(report, self._run.manifest.mail_when)

    def message(self, owner: str, to: tuple[str, ...]) -> EmailMessage:
        """The mail to an owner, or to the run's list; it names where the page of the run is."""
        from reports.mail import render_email  # noqa: PLC0415 # see above

        return render_email.message(self._of(owner), to, self._mail, self._page, owner=owner)

    @property
    def _page(self) -> str:
        base = self._mail.base_url.rstrip("/")
        return f"{base}/{self._run.run_id}/report/{PAGE}" if base else self._run.report_path(PAGE)

    @cached_property
    def _report(self) -> "Report":
        from reports.report import report  # noqa: PLC0415 # see above

        return report(self._run)

    def _of(self, owner: str) -> "Report":
        from reports.mail.owned import owned  # noqa: PLC0415 # see above

        return self._report if owner == TO_THE_LIST else owned(self._report, owner)
