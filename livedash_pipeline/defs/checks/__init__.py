"""Asset checks, health and alerts."""
