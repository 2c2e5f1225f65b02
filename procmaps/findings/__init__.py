"""Findings about a process's memory that somebody can act on, each with its evidence and its test."""

from procmaps.findings.find import BY_STATUS, CODES, VERSIONS, find
from procmaps.findings.finding import Code, Finding, Severity

__all__ = ["BY_STATUS", "CODES", "VERSIONS", "Code", "Finding", "Severity", "find"]
