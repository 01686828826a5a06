"""How fast chains mix, and how many sweeps they need."""
