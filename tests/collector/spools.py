"""What a host sent, as the collector keeps it until it is unpacked."""

import tempfile
from pathlib import Path

from collector.spool import MEMORY_BYTES, Spool


def spooled(content: bytes, memory_bytes: int = MEMORY_BYTES) -> Spool:
    """In memory up to so many bytes."""
    spool = Spool(Path(tempfile.gettempdir()), memory_bytes)
    spool.append(content)
    return spool
