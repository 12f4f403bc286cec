"""What tokens cost: dated prices and exchange rates."""
