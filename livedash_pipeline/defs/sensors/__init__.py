"""Sensors, by what they watch."""
