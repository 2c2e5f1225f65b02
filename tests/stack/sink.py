"""A mail server that keeps each message as a file in a folder; runs in a container of the stack."""

import asyncio
import sys
import time
from email import message_from_bytes
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """Takes every message."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        subject = str(message_from_bytes(content)["Subject"])
        (self._folder / f"{time.time_ns()}.eml").write_bytes(content)
        print("received", subject, flush=True)
        return "250 taken"


if __name__ == "__main__":
    Controller(Sink(Path(sys.argv[1])), hostname="0.0.0.0", port=8025).start()
    asyncio.new_event_loop().run_forever()
