"""Moving a company in from the old system's database."""
