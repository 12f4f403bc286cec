"""`python -m tests.chats.kills`: see `tests.chats.kills.killed_batch`."""

import sys

from tests.chats.kills.killed_batch import main

if __name__ == "__main__":
    sys.exit(main())
