"""Which sessions may be asked about: in a claim, and once more in a requeue.

Add a condition here and to the view `session_analysis_subjects`, by a migration. What the ledger makes of it is in
`ledger.rules.admission`.
"""

from __future__ import annotations

from collections.abc import Collection

from livedash_pipeline.base.rules.states import StageStatus, is_ready


def is_claimable(earlier: Collection[StageStatus], *, is_stale: bool) -> bool:
    """Whether a request about a session may be claimed: its messages are those of its transcript and will not change before.

    Specification of the view `session_analysis_subjects`; `tests/analysis/store/test_subjects.py` compares the two.

    Args:
        earlier: Statuses of the stages before AI_ANALYSIS that have a row. An absent row keeps nothing back: a request is made
            only once they are all passed, so that the row of a stage that was added since may be absent.
        is_stale: The transcript has changed since the session was derived.
    """
    return not is_stale and is_ready(earlier)


def is_requeueable(
    earlier: Collection[StageStatus], analysis: StageStatus, *, is_erased: bool, is_pruned: bool
) -> bool:
    """Whether a failed request about a session may be put back: somebody still waits for the analysis, and it can still be made.

    Specification of the view `session_analysis_subjects`; `tests/analysis/store/test_subjects.py` compares the two.

    Args:
        earlier: Statuses of the stages before AI_ANALYSIS that have a row. One that waits or runs is no obstacle: the claim waits
            for it.
        analysis: Status of AI_ANALYSIS; PENDING without a row.
        is_erased: The session was deleted on request.
        is_pruned: The text of its first message was deleted by age.
    """
    is_open = analysis is not StageStatus.COMPLETED and StageStatus.FAILED not in earlier
    return is_open and not is_erased and not is_pruned
