"""The sizes by which requests are admitted to a batch: the service's limits, with some room.

Add a limit that holds for every batch. How requests are admitted within them is decided in `ledger.rules.admission.admission`.
"""

from __future__ import annotations

# OpenAI's Batch API takes 50,000 lines and 200 MB; 190 MB stays below both readings of "MB".
MAX_LINES = 50_000


MAX_FILE_BYTES = 190_000_000


# A line above this cannot be answered by any model on offer (1,050,000 tokens of context); it fails before purchase.
MAX_REQUEST_TOKENS = 1_000_000
