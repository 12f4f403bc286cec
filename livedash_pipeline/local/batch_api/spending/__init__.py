"""What the stand-in says it charged: the reports of costs and usage that an organization's admin key may read."""
