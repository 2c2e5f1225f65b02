"""The section `webhook` of mapsweep.yaml: where new findings and newly failed hosts are posted."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AfterValidator, ConfigDict, Field

from mapsweep.settings.key import DAY_S, About, AbsolutePath
from mapsweep.settings.values import hook_address


@dataclass(frozen=True, slots=True)
class WebhookSchema:
    """Where news are posted; without this section nowhere. One of `url` and `url_file` is needed."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    url: Annotated[
        str,
        AfterValidator(hook_address),
        About(
            "the address that gets them, https:// or http://. `mapsweep config show` prints it: one with a"
            " token belongs into `url_file`"
        ),
    ] = ""
    url_file: Annotated[AbsolutePath | None, About("file with the address, on one line")] = None
    secret_file: Annotated[
        AbsolutePath | None,
        About("file with the secret that signs each request; or set MAPSWEEP_WEBHOOK_SECRET"),
    ] = None
    ca_file: Annotated[
        AbsolutePath | None, About("certificates to trust instead of the system's", default="the system's")
    ] = None
    timeout_s: Annotated[
        float, Field(gt=0, le=120), About("time from the connection to the end of the answer", "s")
    ] = 30.0
    keep_trying_s: Annotated[
        int,
        Field(ge=0, le=7 * DAY_S),
        About("how long news that the server does not take are posted again, after 1 to 15 min each", "s"),
    ] = DAY_S
