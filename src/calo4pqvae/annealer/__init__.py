"""The prior on a quantum annealer, real or emulated: mapping, temperature, safety, emulator."""
