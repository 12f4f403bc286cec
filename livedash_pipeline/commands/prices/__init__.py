"""`livedash price` and `livedash rate`: the figures that costs are worked out with."""
