"""Lists of hosts in place of a path: `web1,web2:2222`, or `web1,`."""

from pathlib import Path


def is_host_list(text: str) -> bool:
    """Whether an inventory's source is a list of hosts, not a path; a path with a comma must exist."""
    if "," not in text:
        return False
    try:
        return not Path(text).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long for a path, or no path at all
        return True
