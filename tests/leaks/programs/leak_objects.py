"""Leaks small objects of Python into a chain that only grows: pymalloc's arenas. Usage as of leak.c."""

import os
import sys

kept: object = None
count = int(sys.argv[2]) * 2**20 // (64 + 32)  # a pair with the header of the collector, and a number
print("started", flush=True)
sys.stdin.readline()
for number in range(count):
    kept = (kept, number + 2**20)
print("leaked", flush=True)
sys.stdin.readline()
os._exit(0)  # the chain is too long to be freed link by link
