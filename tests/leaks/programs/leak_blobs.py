"""Leaks bytes objects of a few kB into a list that only grows: too large for pymalloc. Usage as of leak.c."""

import sys

EACH_BYTES = 3000
kept = []
left_bytes = int(sys.argv[2]) * 2**20
print("started", flush=True)
sys.stdin.readline()
while left_bytes > 0:
    kept.append(bytes(EACH_BYTES))
    left_bytes -= EACH_BYTES + 48
print("leaked", flush=True)
sys.stdin.readline()
