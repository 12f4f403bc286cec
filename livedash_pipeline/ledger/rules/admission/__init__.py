"""Which requests may be claimed, and what keeps them waiting."""
