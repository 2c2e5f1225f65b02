"""What the kernel could print: mappings, and dumps of many processes."""

from dataclasses import dataclass

from hypothesis import strategies as st

from procmaps.smaps import VM_FLAGS

PAGE = 4096
NONCE = b"0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Vma:
    """One mapping as the kernel knows it."""

    start: int
    end: int
    perms: bytes = b"rw-p"
    offset: int = 0
    major: int = 0
    minor: int = 0
    inode: int = 0
    name: bytes = b""

    def line(self) -> bytes:
        """Its line in maps; names stand in column 74 where the fields leave room."""
        fields = b"%08x-%08x %s %08x %02x:%02x %d " % (
            *(self.start, self.end, self.perms),
            *(self.offset, self.major, self.minor, self.inode),
        )
        return (fields.ljust(72) + b" " + self.name if self.name else fields) + b"\n"


@dataclass(frozen=True, slots=True)
class Walked:
    """One mapping with what smaps says of it, sizes in kB."""

    vma: Vma
    sizes: dict[str, int]
    flags: tuple[str, ...]

    def text(self) -> bytes:
        """Its lines in smaps."""
        fields = "".join(f"{name + ':':<16}{size:>8} kB\n" for name, size in self.sizes.items())
        return self.vma.line() + fields.encode() + f"VmFlags: {' '.join((*self.flags, ''))}\n".encode()


perms = st.builds(
    lambda *letters: "".join(letters).encode(),
    *(st.sampled_from(pair) for pair in ("r-", "w-", "x-", "ps")),
)
# any byte but a newline; the kernel's names begin with no blank, and CRLF files are a matter of their own
names = st.one_of(
    st.just(b""),
    st.sampled_from(
        (b"[heap]", b"/lib/with space (deleted)", b"[anon: glibc: malloc arena]", b"/a  b\t12:34 9 ")
    ),
    st.binary(min_size=1, max_size=120).map(lambda raw: b"/" + raw.replace(b"\n", b"n").rstrip(b"\r")),
)


@st.composite
def vmas(draw: st.DrawFn, most: int = 20) -> list[Vma]:
    """Mappings of one process: ascending, not overlapping, at any height of the address space."""
    steps = draw(
        st.lists(
            st.tuples(st.integers(0, 2**40), st.integers(1, 2**36 if draw(st.booleans()) else 64)),
            max_size=most,
        )
    )
    at = draw(st.sampled_from((0x10, 0x400, 0xF7000, 0x7F0000000, 0x550000000, 2**44)))
    found = []
    for gap, pages in steps:
        start, end = (at + gap) * PAGE, (at + gap + pages) * PAGE
        at += gap + pages
        if end > 2**56:
            break
        found.append(
            Vma(
                start,
                end,
                draw(perms),
                draw(st.integers(0, 2**64 // PAGE - 1)) * PAGE,
                draw(st.integers(0, 2**12 - 1)),
                draw(st.integers(0, 2**20 - 1)),
                draw(st.one_of(st.just(0), st.integers(0, 2**64 - 1))),
                draw(names),
            )
        )
    return found


@st.composite
def walked(draw: st.DrawFn) -> list[Walked]:
    """Mappings of one process with their smaps fields, in any order, some of them unknown to us."""
    known = ("Rss", "Pss", "Swap", "Anonymous", "AnonHugePages", "Private_Hugetlb", "Shared_Hugetlb")
    others = ("Size", "Pss_Dirty", "SwapPss", "Referenced", "KSM", "Shared_Clean", "Rssx", "NewKey")
    order = draw(st.permutations(known + others))
    rows = []
    for vma in draw(vmas(most=6)):
        most = (vma.end - vma.start) // 1024 // 3
        sizes = {name: draw(st.integers(0, most)) for name in order}
        flags = draw(st.lists(st.sampled_from((*VM_FLAGS, "??")), max_size=20))
        if "ht" not in flags:
            sizes |= {"Private_Hugetlb": 0, "Shared_Hugetlb": 0}
        rows.append(Walked(vma, sizes, tuple(flags)))
    return rows


def record(kind: str, pid: int, content: bytes, nonce: bytes = NONCE) -> bytes:
    """A record as the probe sends it."""
    return b"%s %s %d\n%s\n" % (nonce, kind.encode(), pid, content)


def closing(sent: int, denied: int = 0) -> bytes:
    """The counts that end a memory part."""
    counts = b"listed=%d sent=%d kernel=0 denied=%d vanished=0\n" % (sent, sent, denied)
    return record("end", 0, counts)
