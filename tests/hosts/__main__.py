"""`python -m tests.hosts`: see `tests.hosts.soak`."""

import sys

from tests.hosts.soak import main

if __name__ == "__main__":
    sys.exit(main())
