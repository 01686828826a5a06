"""Showers in bulk, streamed to a file."""
