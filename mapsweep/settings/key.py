"""What a key of mapsweep.yaml is declared with: its meaning, and the forms that several keys have."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from mapsweep.settings.values import absolute_path, inventory_source, mail_address, one_line

HOUR_S, DAY_S = 3600, 86_400


@dataclass(frozen=True, slots=True)
class About:
    """What a key means, for people; `default` is shown instead of the declared default."""

    meaning: str
    unit: str = ""
    default: str = ""


class EvidenceName(StrEnum):
    """What a sweep reads on the hosts."""

    MAPS = "maps"
    SMAPS = "smaps"


InventorySource = Annotated[str, AfterValidator(inventory_source)]
AbsolutePath = Annotated[str, AfterValidator(absolute_path)]
MailAddress = Annotated[str, AfterValidator(mail_address)]
OneLine = Annotated[str, AfterValidator(one_line)]
