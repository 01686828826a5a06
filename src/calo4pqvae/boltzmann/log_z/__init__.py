"""The normaliser ln Z(u): exact, bounded from both sides, and the likelihood that follows."""
