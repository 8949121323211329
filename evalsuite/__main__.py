"""`python -m evalsuite`, which is also what torchrun starts."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python looks for modules in the working folder first, where a user's own `generator` or
    # `reports` would take the place of ours.
    if Path(sys.path[0]).resolve() != Path(__file__).resolve().parents[1]:
        del sys.path[0]
    from evalsuite.cli import main

    main()
