"""Entry of `python -m tests.chats.simulation`; what it does is in `soak.py`, which other processes can import."""

import sys

from tests.chats.simulation.soak import main

if __name__ == "__main__":
    sys.exit(main())
