"""What tries cost that their lines do not say, and costs that were unknown when they were written."""
