"""Stacks of threads, by how each can be seen.

glibc maps a stack and its guard at once, and opens all but the guard (nptl/allocatestack.c). With glibc 2.42
and later on Linux 6.13 and later the guard is inside the writable mapping, where maps cannot show it. The
labellers, in the order of their turns:

- flagged: smaps shows the flag that MAP_STACK sets; then nothing else is a stack.
- java_zones: a JVM makes guard zones of its own inside the stack of each Java thread.
- mono_guards: Mono closes a part inside the stack of each thread.
- guarded: a closed guard below writable memory of the size that stacks have by default.
- hidden: memory that is the sum of stacks whose guards cannot be seen, and threads without another stack.
- repeated: guards below memory of other sizes, as long as threads are left without a stack.
- left: guards below memory like stacks, though the threads have ended.
- bare: stacks that were made without a guard, and memory that malloc cannot own.
"""
