"""Rules that need only a mapping's name, by its code."""

from procmaps.kinds import Confidence, Kind
from procmaps.rules.kernel_names import Name
from procmaps.rules.rule import Rule


def _rule(
    name: str, kind: Kind, source: str, why: str, *, confidence: Confidence = Confidence.CERTAIN
) -> Rule:
    return Rule(name, kind, confidence, "maps", source, why)


_KERNEL = "Linux, fs/proc/task_mmu.c: the order in which a mapping gets its name"
_GLIBC = "glibc 2.39 and later with glibc.mem.decorate_maps=1, on kernels with CONFIG_ANON_VMA_NAME"

NAME_RULES: dict[Name, Rule] = {
    Name.FILE_CODE: _rule(
        "file.code", Kind.FILE_CODE, _KERNEL, "{size} of the file {name}, mapped executable"
    ),
    Name.FILE_RODATA: _rule(
        "file.rodata", Kind.FILE_RODATA, _KERNEL, "{size} of the file {name}, mapped read-only"
    ),
    Name.FILE_DATA: _rule("file.data", Kind.FILE_DATA, _KERNEL, "{size} of the file {name}, mapped writable"),
    Name.SHM: _rule(
        "shm.name",
        Kind.SHM,
        "Linux, mm/shmem.c and ipc/shm.c: memory with an inode that no file system of the host holds",
        "{size} of {name}: it has an inode, and yet it is shared memory (memfd, SysV, POSIX or shared "
        "anonymous)",
    ),
    Name.DEVICE: _rule(
        "device.name",
        Kind.DEVICE,
        _KERNEL,
        "{size} of {name}: a device or a kernel object, mapped through its file descriptor",
    ),
    Name.ZERO: _rule(
        "anonymous.dev_zero",
        Kind.ANONYMOUS,
        "Linux, drivers/char/mem.c: a private mapping of /dev/zero is anonymous memory",
        "{size} of /dev/zero, mapped privately: anonymous memory, in spite of its name and inode",
    ),
    Name.PRIVATE_MEMFD: _rule(
        "anonymous.private_memfd",
        Kind.ANONYMOUS,
        "Linux, mm/memory.c, do_cow_fault: a page written through a private mapping becomes anonymous",
        "{size} of {name}, mapped privately and writable: what is written there is anonymous memory of the "
        "process, as the memory of a virtual machine is",
        confidence=Confidence.LIKELY,
    ),
    Name.HEAP: _rule(
        "heap.brk",
        Kind.HEAP_MAIN,
        _KERNEL,
        "between start_brk and brk: the kernel itself calls these {size} [heap]",
    ),
    Name.STACK: _rule(
        "stack.main",
        Kind.MAIN_STACK,
        _KERNEL,
        "the kernel itself calls these {size} [stack]: the main thread's",
    ),
    Name.THREAD_STACK: _rule(
        "stack.kernel_name",
        Kind.THREAD_STACK,
        "Linux 3.4 to 4.4",
        "{size} that the kernel calls the stack of a thread: {name}",
    ),
    Name.SYSTEM: _rule("system.name", Kind.SYSTEM, _KERNEL, "{size} of {name}: the kernel's own"),
    Name.DOTNET_CODE: _rule(
        "dotnet.doublemapper",
        Kind.DOTNET_CODE,
        ".NET 7 and later, ExecutableAllocator: W^X through two views of one memfd",
        "{size} of {name}: the memory in which .NET writes and runs the code that it compiles",
    ),
    Name.BEAM_JIT: _rule(
        "beam.vmem",
        Kind.BEAM_HEAP,
        "Erlang/OTP 24 and later, BeamAsm over asmjit",
        "{size} of {name}: the Erlang VM's compiled code",
    ),
    Name.ANON_SHMEM: _rule(
        "shm.anon_name",
        Kind.SHM,
        "Linux 6.2 and later",
        "{size} of shared anonymous memory that was named: {name}",
    ),
    Name.GLIBC_ARENA: _rule(
        "glibc.arena_name",
        Kind.HEAP_ARENA,
        _GLIBC,
        "{size} that glibc named a heap of an arena; the name covers a heap's first 132 KiB",
    ),
    Name.GLIBC_MALLOC: _rule(
        "glibc.malloc_name", Kind.HEAP_MMAP, _GLIBC, "{size} that glibc named memory of malloc"
    ),
    Name.GLIBC_STACK: _rule(
        "glibc.stack_name", Kind.THREAD_STACK, _GLIBC, "{size} that glibc named a thread's stack: {name}"
    ),
    Name.GLIBC_LOADER: _rule(
        "glibc.loader_name", Kind.LOADER, _GLIBC, "{size} that glibc named memory of the dynamic loader"
    ),
    Name.GLIBC_BSS: _rule(
        "glibc.bss_name",
        Kind.FILE_BSS,
        _GLIBC,
        "{size} that glibc named the zeroed data of an object: {name}",
    ),
    Name.GLIBC_RANDOM: _rule(
        "glibc.getrandom_name",
        Kind.SYSTEM,
        _GLIBC,
        "{size} that glibc named the state of the vDSO's getrandom",
    ),
    Name.GO_HEAP: _rule(
        "go.heap_name", Kind.GO_HEAP, "Go 1.25 and later", "{size} that the Go runtime named: {name}"
    ),
    Name.GO_RUNTIME: _rule(
        "go.runtime_name", Kind.GO_RUNTIME, "Go 1.25 and later", "{size} that the Go runtime named: {name}"
    ),
    Name.ALLOCATOR: _rule(
        "allocator.name",
        Kind.HEAP_ALLOCATOR,
        "jemalloc (enable-pageid), tcmalloc, mimalloc, scudo, PartitionAlloc name their memory",
        "{size} that an allocator named: {name}",
    ),
    Name.V8: _rule(
        "v8.name", Kind.V8_HEAP, "Chromium's V8 platform names its pages", "{size} that V8 named: {name}"
    ),
    Name.PYTHON: _rule(
        "python.name", Kind.PY_ARENA, "CPython 3.15, -X dev", "{size} that CPython named: {name}"
    ),
    Name.DOTNET: _rule(
        "dotnet.name", Kind.DOTNET_HEAP, ".NET names its memory", "{size} that the .NET runtime named: {name}"
    ),
    Name.ZEND: _rule(
        "php.zend_name",
        Kind.HEAP_ALLOCATOR,
        "PHP, Zend/zend_alloc.c: chunks of 2 MiB",
        "{size} that PHP's allocator named: {name}",
    ),
    Name.BIONIC_STACK: _rule(
        "bionic.stack_name", Kind.THREAD_STACK, "Android, bionic", "{size} that bionic named a stack: {name}"
    ),
    Name.BIONIC_BSS: _rule(
        "bionic.bss_name",
        Kind.FILE_BSS,
        "Android, bionic's linker",
        "{size} that bionic's linker named the zeroed data of an object",
    ),
}
