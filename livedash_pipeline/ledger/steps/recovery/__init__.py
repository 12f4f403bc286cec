"""Looking for what was bought, proving absence, adopting, reconciling."""
