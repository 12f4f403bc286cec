"""`python -m tests.kills`: see `tests.kills.soak`."""

import sys

from tests.kills.soak import main

if __name__ == "__main__":
    sys.exit(main())
