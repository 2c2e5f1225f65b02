"""Imported last by the process whose copies do the work: none of them has to compile patterns."""

from procmaps.lazy_pattern import compile_all

compile_all()
