"""Where news are posted, and how."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit


@dataclass(frozen=True, slots=True)
class HookSettings:
    """Where news are posted. The address may hold a token: it shows in no repr, and is not logged."""

    url: str = field(repr=False)
    secret: bytes = field(default=b"", repr=False)  # b"": requests are not signed
    ca_file: str = ""  # "": the system's certificates
    timeout_s: float = 30.0  # from the connection to the end of the answer
    attempts: int = 3
    backoff_s: float = 2.0  # doubled after each attempt
    keep_trying_s: int = 24 * 3600  # how long news that nobody took are posted again
    base_url: str = ""  # where people find the folder of the runs; "": the path is named

    @property
    def place(self) -> str:
        """The server as messages name it, without the path: that may be a secret."""
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}:{port_of(parts)}"


def port_of(parts: SplitResult) -> int:
    """The port of an address, by its scheme where none is named."""
    return parts.port or (443 if parts.scheme == "https" else 80)
