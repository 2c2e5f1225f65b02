"""What is noise, a change that is not told: every floor of a comparison. docs/changes.md gives reasons."""

from typing import Final

import polars as pl

from reports.text.sizes import MIB

GROWTH_FLOOR_BYTES: Final = 64 * MIB  # a change below this is noise ...
GROWTH_FLOOR_SHARE: Final = 0.02  # ... and so is one below this share of the earlier size
APPEARED_BYTES: Final = 64 * MIB  # a process that comes or goes is told from here on ...
SERVICE_BYTES: Final = 16 * MIB  # ... and a service, all its processes together
STEPS_MIN: Final = 4  # earlier changes from one run to the next, before they say what is usual
GIVEN_BACK: Final = 0.5  # steps up are usual only if so much of them was given back, and the other way
SAME_AGAIN: Final = 2  # what happened so often before is usual
BEYOND: Final = 0.25  # of its earlier range, by which a number that goes up and down may leave that range
SPREAD: Final = 3.0  # a change is usual within so many times of what the members of a service gave back ...
BREATHING_PART: Final = 0.1  # ... if at least so much of them did

SENTENCE: Final = (
    "Not told: changes below 64 MiB or below 2 % of the size before, and what is usual: ups and downs as "
    "large as in the last 14 runs, or as large as those of the service's other processes."
)


def exceeds_floor(change: pl.Expr, before: pl.Expr) -> pl.Expr:
    """Whether a change is above the floor, in either direction."""
    return (change.abs() >= GROWTH_FLOOR_BYTES) & (change.abs() >= GROWTH_FLOOR_SHARE * before)


def spread(rises_squared: pl.Expr, falls_squared: pl.Expr) -> pl.Expr:
    """By how much a sum moves if its members move by chance; 0 if they all move one way.

    Of members that move independently, the sum has the root of the sum of squares as its deviation. Twice the
    smaller half of the squares is that sum for members that breathe, and nothing for one that leaks.
    """
    return SPREAD * (2 * pl.min_horizontal(rises_squared, falls_squared)).sqrt()
