"""What a file may hold, how a turn is asked, what its end means, and what results look like."""
