"""Showers in the formats that people use, one into the other without losing a bit."""
