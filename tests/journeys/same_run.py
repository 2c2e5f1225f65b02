"""Two runs of the same dumps, compared byte by byte."""

from archive.run import Run

TIMED = ("fleet-", "history_runs-")  # their tables say when a run began and ended


def assert_same_results(run: Run, other: Run) -> None:
    """Results and settled tables are the same bytes, apart from the tables that hold times of the run."""
    for folder in (f"results/{run.generation}", f"settled/{run.generation}"):
        names = run.store.list(folder)
        assert names
        assert other.store.list(folder) == names
        for name in names:
            if not name.startswith(TIMED):
                assert other.store.read(f"{folder}/{name}") == run.store.read(f"{folder}/{name}"), name
