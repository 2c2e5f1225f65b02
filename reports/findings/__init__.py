"""Findings that live: what was found of processes, by service, with what became of it since the last run."""
