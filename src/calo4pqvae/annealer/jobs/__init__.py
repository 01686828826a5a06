"""Submissions: cost, dispatch, journal, timing."""
