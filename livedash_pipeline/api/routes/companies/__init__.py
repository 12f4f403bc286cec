"""Routes of companies."""
