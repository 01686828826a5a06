"""Plumbing that every room uses; none of it is part of the public API."""
