"""`python -m mapsweep` is the mapsweep command."""

from mapsweep.cli import main

main()
