"""What each kind is, and what to do if there is much of it, as reports say it; docs/kinds.md says more."""

from dataclasses import dataclass
from typing import Final

from procmaps.kinds import Kind


@dataclass(frozen=True, slots=True)
class KindWords:
    """One or two sentences each."""

    meaning: str
    when_large: str


KIND_WORDS: Final[dict[Kind, KindWords]] = {
    Kind.HEAP_MAIN: KindWords(
        "The [heap] that grows with brk: the main arena of glibc's malloc, or the heap of another "
        "allocator that uses brk.",
        "See whether malloc_trim(0) makes it smaller (in a JVM: jcmd PID System.trim_native_heap). If "
        "it does, the allocator holds free memory; if not, a heap profiler shows which code holds it.",
    ),
    Kind.HEAP_ARENA: KindWords(
        "Heaps of glibc's other arenas, which threads get when they allocate at the same time: 64 MiB "
        "reserved each.",
        "Many arenas that hold little each: MALLOC_ARENA_MAX=2 and a restart give a part of the resident "
        "bytes back, unless it is set already. Few arenas that hold much: it does not help; a heap profiler "
        "shows which code holds it.",
    ),
    Kind.HEAP_MMAP: KindWords(
        "Large blocks of malloc with a mapping of their own, given back as soon as they are freed.",
        "These are large objects in use: buffers, caches, direct memory of a JVM "
        "(-XX:MaxDirectMemorySize limits it). Trimming does not help.",
    ),
    Kind.HEAP_ALLOCATOR: KindWords(
        "The memory of another allocator: jemalloc, tcmalloc, mimalloc, musl, PHP and others.",
        "Ask the allocator for its statistics (malloc_stats_print, MallocExtension, "
        "MIMALLOC_SHOW_STATS=1). A smaller dirty_decay_ms makes jemalloc give memory back sooner.",
    ),
    Kind.MAIN_STACK: KindWords(
        "The stack of a program's first thread. It grows up to the limit and never shrinks.",
        "Look for deep recursion, or for large arrays as local variables.",
    ),
    Kind.THREAD_STACK: KindWords(
        "The stacks of all threads but the first, each with its guard pages.",
        "Reserved stacks cost nothing; look at the resident part. Limit the pools of threads first, "
        "then the size of a stack (-Xss, ulimit -s); if stacks are resident as a whole, set transparent "
        "huge pages to madvise.",
    ),
    Kind.JAVA_HEAP: KindWords(
        "The heap of Java objects: one reservation of the maximum size, committed as it is needed.",
        "Compare the committed size with the live set after a full collection (jcmd PID GC.heap_info), "
        "and lower -Xmx if there is room.",
    ),
    Kind.JAVA_METASPACE: KindWords(
        "What the JVM keeps about classes: metaspace and the compressed class space, which reserves 1 GiB.",
        "Count the classes (jcmd PID VM.metaspace). If their number always grows, class loaders leak; "
        "-XX:MaxMetaspaceSize limits it.",
    ),
    Kind.JAVA_CODE: KindWords(
        "The code that the JVM compiles: the code cache and its maps.",
        "50 to 150 MiB are usual in a large application. -XX:ReservedCodeCacheSize limits it, but code "
        "may then run slower.",
    ),
    Kind.JAVA_GC: KindWords(
        "The tables of the JVM's garbage collector: mark bitmaps, cards, stacks.",
        "It is 2 to 5 % of the Java heap. A smaller -Xmx makes it smaller, and so does another collector.",
    ),
    Kind.JAVA_CDS: KindWords(
        "Archives of classes that the JVM maps in order to start faster.",
        "10 to 40 MiB are normal, and shared by JVMs of one version.",
    ),
    Kind.JAVA_OTHER: KindWords(
        "Other memory that the JVM maps for itself, a few pages.",
        "If it is more, the label is wrong: mapsweep capture records what a report of it needs.",
    ),
    Kind.GO_HEAP: KindWords(
        "Go's heap, with the stacks of goroutines, in arenas of 64 MiB.",
        "It may grow to twice the live memory. Set GOMEMLIMIT or a smaller GOGC; pprof shows which code "
        "holds it.",
    ),
    Kind.GO_RUNTIME: KindWords(
        "What the Go runtime keeps outside of its heap: summaries, indexes, metadata, profiles.",
        "The reserved size does not matter. The resident part grows with the heap, with profiles and "
        "with very many goroutines.",
    ),
    Kind.V8_HEAP: KindWords(
        "The JavaScript heap of V8 (Node, Deno, Electron). Buffers are not in it: they are heap_mmap.",
        "--max-old-space-size limits it; a heap snapshot shows which code holds it.",
    ),
    Kind.V8_CODE: KindWords(
        "The code that V8 compiles, in a range that it reserves, usually 512 MiB.",
        "The reserved size does not matter; a few MiB are resident.",
    ),
    Kind.PY_ARENA: KindWords(
        "Arenas of CPython's allocator for small objects, of 256 KiB or 1 MiB.",
        "An arena is given back only when it is empty: do work that needs much memory for a short time "
        "in a process of its own. tracemalloc shows which code holds it.",
    ),
    Kind.DOTNET_HEAP: KindWords(
        "The heap of the .NET garbage collector, in a range of 256 GiB or of twice the RAM.",
        "The reserved size does not matter. DOTNET_GCHeapHardLimit or the container's limit bounds it; "
        "dotnet-gcdump shows which code holds it.",
    ),
    Kind.DOTNET_CODE: KindWords(
        "The code that .NET compiles, written through one view and executed through another.",
        "Thousands of mappings can reach vm.max_map_count; DOTNET_EnableWriteXorExecute=0 makes them "
        "few, but switches that protection off.",
    ),
    Kind.BEAM_HEAP: KindWords(
        "Carriers of the Erlang VM's allocators, its literals, and the code that it compiles.",
        "erlang:memory() and recon_alloc tell live memory from empty carriers.",
    ),
    Kind.FILE_CODE: KindWords(
        "Executable mappings of files: programs and libraries.",
        "It is page cache, which the kernel can drop and read again; processes share it.",
    ),
    Kind.FILE_RODATA: KindWords(
        "Read-only mappings of files: constants, locales, fonts, databases.",
        "It is page cache, not a leak.",
    ),
    Kind.FILE_DATA: KindWords(
        "Writable mappings of files: the data of programs and libraries, and files mapped for writing.",
        "It is a mapped database or log. Private pages that were written belong to the process.",
    ),
    Kind.FILE_BSS: KindWords(
        "The zeroed data of programs and libraries (.bss).",
        "The program has large static arrays; only the pages that it touches are resident.",
    ),
    Kind.SHM: KindWords(
        "Memory that processes share: System V and POSIX shared memory, memfds, huge pages.",
        "Buffers of databases are large on purpose. Count a segment once, not once per process that maps it.",
    ),
    Kind.DEVICE: KindWords(
        "Memory of devices and kernel objects: graphics, RDMA, io_uring, perf buffers.",
        "It is usually memory of the device, not of the process.",
    ),
    Kind.SYSTEM: KindWords(
        "What the kernel puts into every process: [vdso], [vvar], [vsyscall].",
        "It never is.",
    ),
    Kind.LOADER: KindWords(
        "Memory of the dynamic loader: its tables, its own small malloc, static thread-local storage.",
        "The program has very many libraries, or one of them has much static thread-local storage.",
    ),
    Kind.RESERVED: KindWords(
        "Address space that cannot be accessed and belongs to nothing known: guards, reserved ranges.",
        "It is harmless, unless ulimit -v or vm.overcommit_memory=2 is set.",
    ),
    Kind.ANONYMOUS: KindWords(
        "Memory that no rule recognises: mapped by the program itself, or by an allocator or runtime "
        "that leaves no mark.",
        "Look for caches and pools that the program maps itself; strace -f -k -e trace=mmap shows which "
        "code does. mapsweep capture records what a new rule needs.",
    ),
}

KIND_NAMES: Final[dict[Kind, str]] = {  # as they stand in a sentence
    Kind.HEAP_MAIN: "the brk heap",
    Kind.HEAP_ARENA: "arenas",
    Kind.HEAP_MMAP: "large malloc blocks",
    Kind.HEAP_ALLOCATOR: "another allocator",
    Kind.MAIN_STACK: "the first stack",
    Kind.THREAD_STACK: "thread stacks",
    Kind.JAVA_HEAP: "Java heap",
    Kind.JAVA_METASPACE: "Java metaspace",
    Kind.JAVA_CODE: "Java code",
    Kind.JAVA_GC: "Java collector",
    Kind.JAVA_CDS: "Java class archive",
    Kind.JAVA_OTHER: "other Java memory",
    Kind.GO_HEAP: "Go heap",
    Kind.GO_RUNTIME: "Go runtime",
    Kind.V8_HEAP: "V8 heap",
    Kind.V8_CODE: "V8 code",
    Kind.PY_ARENA: "Python arenas",
    Kind.DOTNET_HEAP: ".NET heap",
    Kind.DOTNET_CODE: ".NET code",
    Kind.BEAM_HEAP: "Erlang heap",
    Kind.FILE_CODE: "code of files",
    Kind.FILE_RODATA: "read-only files",
    Kind.FILE_DATA: "data of files",
    Kind.FILE_BSS: "zeroed data of files",
    Kind.SHM: "shared memory",
    Kind.DEVICE: "device memory",
    Kind.SYSTEM: "kernel pages",
    Kind.LOADER: "the loader",
    Kind.RESERVED: "reserved ranges",
    Kind.ANONYMOUS: "unrecognised memory",
}
_WITH_ARTICLE: Final = frozenset(
    (
        *(Kind.JAVA_HEAP, Kind.JAVA_GC, Kind.JAVA_CDS, Kind.GO_HEAP, Kind.GO_RUNTIME),
        *(Kind.V8_HEAP, Kind.DOTNET_HEAP, Kind.BEAM_HEAP),
    )
)


def inside(kind: Kind) -> str:
    """The name of a kind behind `in`: `the Go heap`, `arenas`, `shared memory`."""
    return f"the {KIND_NAMES[kind]}" if kind in _WITH_ARTICLE else KIND_NAMES[kind]
