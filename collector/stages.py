"""The stages of a host's turn, one line each with its time: what `--debug` shows of a sweep."""

import logging
import time
from dataclasses import dataclass
from typing import Final

from domain.about import about

log: Final = logging.getLogger("collector")


class Stages:
    """One host's lines. Where nobody debugs, a stage costs one comparison."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._ended_s = time.monotonic()

    @property
    def are_told(self) -> bool:
        """Whether somebody debugs this run."""
        return log.isEnabledFor(logging.DEBUG)

    def ended(self, stage: str, fact: str, *values: object) -> None:
        """A stage is over: what came of it, and the seconds since the one before. No secret, no command line.

        `fact` takes `values` in the manner of %. What a host says must have been through `one_line`.
        """
        if not log.isEnabledFor(logging.DEBUG):
            return
        now_s = time.monotonic()
        with about(host=self._host, stage=stage):
            log.debug("%s: %s: %s, %.3f s", self._host, stage, _Fact(fact, values), now_s - self._ended_s)
        self._ended_s = now_s

    def note(self, fact: str, *values: object) -> None:
        """What is no stage of its own."""
        with about(host=self._host):
            log.debug("%s: %s", self._host, _Fact(fact, values))


@dataclass(frozen=True, slots=True)
class _Fact:
    """Put into words where the line is written, by what no mistake in it can stop."""

    fact: str
    values: tuple[object, ...]

    def __str__(self) -> str:
        return self.fact % self.values
