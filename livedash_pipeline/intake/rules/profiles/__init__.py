"""How a company's files differ from the seed's: profiles of its CSV and of its transcripts, and what follows from them."""
