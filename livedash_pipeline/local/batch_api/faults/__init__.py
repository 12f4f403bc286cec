"""Every way in which the stand-in can misbehave, and what decides when it does."""
