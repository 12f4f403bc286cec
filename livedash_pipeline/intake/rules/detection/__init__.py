"""What a company's files look like, and which profile reads them: guesses, each with its evidence, for a person to judge."""
