"""How lines of result files become outcomes."""
