"""Rules of runs: how it is known from signs of life that one goes on."""
