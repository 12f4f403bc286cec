"""What any route uses: bodies, limits, parameters and answers."""
