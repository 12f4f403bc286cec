"""Every way in which the stand-in can misbehave, and the rules of when it does."""
