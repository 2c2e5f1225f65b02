"""The first line about a process: its name, its pid, where it is from, and what was read of it."""

from mapsweep.terminal.terminal import visible, visible_bytes
from procmaps.tables import Evidence


def heading(comm: bytes, pid: int, source: str, evidence: Evidence) -> str:
    """`java (4711), web01 in 20261123T045837Z-prod-1a2b, maps`; what is not known is left out."""
    name = visible_bytes(comm)
    numbered = f"{name} ({pid})" if name and pid else name or (f"pid {pid}" if pid else "")
    place = "" if source == f"pid {pid}" else visible(source)
    return ", ".join(filter(None, (numbered, place, evidence.name.lower())))
