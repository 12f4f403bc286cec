"""Results: what a company's sessions were about, in a period and compared with another one, for its analysts."""
