"""The roles a mapping can have. The names are an interface: they appear in CSV, JSON and Parquet."""

from enum import IntEnum


class Family(IntEnum):
    """Groups of kinds that are ranked and summed together."""

    NATIVE_HEAP = 0
    STACK = 1
    JAVA = 2
    RUNTIME = 3
    FILE = 4
    SHARED = 5
    SYSTEM = 6
    OTHER = 7

    @property
    def label(self) -> str:
        """The name in lower case, as every output prints it."""
        return self.name.lower()


class Kind(IntEnum):
    """The role of a range of bytes; each kind belongs to one family."""

    HEAP_MAIN = 0
    HEAP_ARENA = 1
    HEAP_MMAP = 2
    HEAP_ALLOCATOR = 3
    MAIN_STACK = 4
    THREAD_STACK = 5
    JAVA_HEAP = 6
    JAVA_METASPACE = 7
    JAVA_CODE = 8
    JAVA_GC = 9
    JAVA_CDS = 10
    JAVA_OTHER = 11
    GO_HEAP = 12
    GO_RUNTIME = 13
    V8_HEAP = 14
    V8_CODE = 15
    PY_ARENA = 16
    DOTNET_HEAP = 17
    DOTNET_CODE = 18
    BEAM_HEAP = 19
    FILE_CODE = 20
    FILE_RODATA = 21
    FILE_DATA = 22
    FILE_BSS = 23
    SHM = 24
    DEVICE = 25
    SYSTEM = 26
    LOADER = 27
    RESERVED = 28
    ANONYMOUS = 29

    @property
    def label(self) -> str:
        """The name in lower case, as every output prints it."""
        return self.name.lower()

    @property
    def family(self) -> Family:
        """The family to which the kind belongs."""
        return FAMILY_OF[self]


FAMILY_OF: dict[Kind, Family] = {
    kind: family
    for family, kinds in {
        Family.NATIVE_HEAP: (Kind.HEAP_MAIN, Kind.HEAP_ARENA, Kind.HEAP_MMAP, Kind.HEAP_ALLOCATOR),
        Family.STACK: (Kind.MAIN_STACK, Kind.THREAD_STACK),
        Family.JAVA: (
            Kind.JAVA_HEAP,
            Kind.JAVA_METASPACE,
            Kind.JAVA_CODE,
            Kind.JAVA_GC,
            Kind.JAVA_CDS,
            Kind.JAVA_OTHER,
        ),
        Family.RUNTIME: (
            Kind.GO_HEAP,
            Kind.GO_RUNTIME,
            Kind.V8_HEAP,
            Kind.V8_CODE,
            Kind.PY_ARENA,
            Kind.DOTNET_HEAP,
            Kind.DOTNET_CODE,
            Kind.BEAM_HEAP,
        ),
        Family.FILE: (Kind.FILE_CODE, Kind.FILE_RODATA, Kind.FILE_DATA, Kind.FILE_BSS),
        Family.SHARED: (Kind.SHM, Kind.DEVICE),
        Family.SYSTEM: (Kind.SYSTEM, Kind.LOADER),
        Family.OTHER: (Kind.RESERVED, Kind.ANONYMOUS),
    }.items()
    for kind in kinds
}

KIND_BY_LABEL: dict[str, Kind] = {kind.label: kind for kind in Kind}


class Confidence(IntEnum):
    """How sure a rule is of its label."""

    GUESS = 0
    LIKELY = 1
    CERTAIN = 2

    @property
    def label(self) -> str:
        """The name in lower case, as every output prints it."""
        return self.name.lower()
