"""Headings of the figures by file name, in reading order; known without drawing anything."""

__all__ = ["HEADINGS"]

HEADINGS = {
    "centres": "Correlation of the centres of layers against their distance",
    "pairs": "Pairs of hits in azimuth and in depth, beyond chance",
    "prior_energy": "Energy of the prior's states (figure 2)",
    "totals": "Total energy and sparsity (figure 3 of the paper)",
    "profiles": "Mean longitudinal and radial profile",
    "response": "Response and resolution",
    "energy_by_layers": "Energy in ranges of layers (figure 4)",
    "sparsity_by_layers": "Sparsity in ranges of layers (figure 5)",
    "energy_in_windows": "Total energy in windows of incident energy (figure 6)",
    "voxels": "Energy of single voxels and hits per layer",
    "correlations": "Correlation between layer energies, each over the incident energy",
    "mismatch": "Where the mismatch arises: decoder and prior",
    "event": "One shower of Geant4 and one of the model",
}
