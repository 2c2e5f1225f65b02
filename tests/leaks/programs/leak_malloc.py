"""Leaks as an extension module does: memory of C's malloc, which Python does not know. Usage as of leak.c."""

import ctypes
import sys

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
left_bytes = int(sys.argv[2]) * 2**20
print("started", flush=True)
sys.stdin.readline()
while left_bytes > 0:
    each = 600 + left_bytes % 3000
    ctypes.memset(libc.malloc(ctypes.c_size_t(each)), 1, each)
    left_bytes -= each + 16
print("leaked", flush=True)
sys.stdin.readline()
