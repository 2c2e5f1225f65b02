"""What is to be done about a host key that nobody knows; importing it starts no library."""

from enum import StrEnum


class Policy(StrEnum):
    """What to do about an unknown key."""

    STRICT = "strict"
    ACCEPT_NEW = "accept-new"  # kept in a file of mapsweep; a changed key is still refused
    OFF = "off"  # any key except a revoked one
