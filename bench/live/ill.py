"""One ill process: started, stopped when it is quiet, and read with what it says of its memory."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bench.live import capture, jdks, jvms, programs, traced
from bench.live.capture import Started
from bench.live.kept import Opinion
from bench.live.patients import Patient
from bench.live.ranges import Range
from mapsweep.process_view import capture_folder


def observe(patient: Patient) -> Opinion:
    """Start it, stop it or its child when it is quiet, and read what it says. Raises NotStartedError."""
    environment = dict(pair.split("=", 1) for pair in patient.environment.split())
    with capture.started(patient.command, environment, patient.shop.root) as parent:
        process = Started(_child_of(parent.pid), parent.said) if patient.forks else parent
        if patient.jdk:
            jcmd = jdks.tool(jdks.installed(patient.shop.root), "jcmd")
            said, truth, notes = jvms.observe(process, patient.jdk, jcmd)
            truth.add(told(process))
            if patient.callers:  # native memory tracking knows the stacks, those of ended threads too
                called = programs.called(patient.callers, [])
                truth.add(one for one in called if one.kind != "thread_stack")
        else:
            _, lines, truth = capture.at_rest(process)
            said, notes = {}, []
            truth.add(told(process))
            code = capture.compiled_code(lines)
            if patient.callers:
                truth.add(programs.called(patient.callers, code))
            if patient.trace:
                truth.add(traced.mapped(patient.trace, process.pid, code))
            capture.add_native(process, lines, truth)
        files = captured(process) | {name: said[name] for name in said if name == jvms.TRACKED}
    shown = f"{patient.environment} {' '.join(word for word in patient.command[1:] if chr(10) not in word)}"
    group = patient.jdk.name if patient.jdk else patient.shop.root.named(patient.sort)
    return Opinion(group, patient.name, shown, files, truth, tuple(notes))


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def captured(process: Started) -> dict[str, bytes]:
    """What `mapsweep capture` records of a stopped process and its host."""
    files = capture_folder.capture(
        Path(f"/proc/{process.pid}"), process.said[-1] if process.said else ""
    ).files
    return {name: content for name, content in files.items() if name != capture_folder.VERSIONS}


def told(process: Started) -> Iterator[Range]:
    """What the program said of itself, touching ranges of a kind as one."""
    ranges = []
    for line in process.said:
        words = line.split(" ")
        if len(words) == 3:
            with suppress(ValueError):
                ranges.append(Range(int(words[0], 16), int(words[1], 16), words[2], "told by the program"))
    last: Range | None = None
    for one in sorted(ranges):
        if last and one.start == last.end and one.kind == last.kind:
            last = Range(last.start, one.end, last.kind, last.source)
            continue
        if last:
            yield last
        last = one
    if last:
        yield last
