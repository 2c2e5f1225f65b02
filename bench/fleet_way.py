"""`python -m bench.fleet_way RUN PROCESSES`: the way of a run from its dumps to its report, measured.

Prints a line of JSON. A main module as light as a command's, since processes beside import it.
"""

import sys


def main(url: str, processes: int) -> int:
    """Execute the rest of the run as `mapsweep collect --resume` does, and print what it took."""
    import json  # noqa: PLC0415 # a process beside needs none of these
    import logging  # noqa: PLC0415
    import resource  # noqa: PLC0415
    import threading  # noqa: PLC0415
    import time  # noqa: PLC0415

    import psutil  # noqa: PLC0415

    from archive.runs import open_run  # noqa: PLC0415
    from collector.session import Session  # noqa: PLC0415
    from workers.here import embedded  # noqa: PLC0415
    from workers.life.progress import Progress  # noqa: PLC0415

    tree = psutil.Process()

    def cpu_s() -> float:
        """CPU of all processes of this run so far."""
        times = [each.cpu_times() for each in (tree, *tree.children(recursive=True))]
        return float(sum(one.user + one.system + one.children_user + one.children_system for one in times))

    moments: dict[str, tuple[float, float, float]] = {}

    def reached(step: str) -> None:
        """Wall and CPU seconds so far, and the most kilobytes that this process has held."""
        peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        moments.setdefault(step, (time.monotonic(), cpu_s(), peak_kb))

    class Closed(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if ": close: " in record.getMessage():
                reached("closed")

    def progress(now: Progress) -> None:
        if now.ended == now.asked:
            reached("classified")

    log = logging.getLogger("workers")
    log.addHandler(Closed())
    log.setLevel(logging.INFO)
    reached("begun")
    run = open_run(url)
    if embedded.execute(run, Session(), progress, threading.Event(), processes=processes) is None:
        raise SystemExit("the run was stopped")
    reached("rendered")
    print(json.dumps(moments))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], int(sys.argv[2])))
