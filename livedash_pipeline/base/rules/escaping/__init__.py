"""Text from outside as the programs that show it take it: nothing in it is a formula, a link or markup."""
