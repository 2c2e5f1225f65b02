"""`python -m bench.run_pipeline`: a main module as light as a command's, since processes beside import it."""

import sys

if __name__ == "__main__":
    from bench.pipeline import main

    raise SystemExit(main(sys.argv[1:]))
