"""Takes companies over from the old system's database."""
