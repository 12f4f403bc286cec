"""Pure decisions about what operators look at: trends, limits, and the course of a batch."""
