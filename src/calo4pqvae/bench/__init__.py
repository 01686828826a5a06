"""Benchmarks against other people's software, with checks that all compute the same."""

__all__ = ["OURS", "SAMPLERS"]

OURS = ("compiled", "torch-sparse", "cuda")
"""Names of this package's samplers in benchmarks."""

SAMPLERS = (*OURS, "torch-dense", "thrml", "dwave-samplers", "dwave-pytorch-plugin")
"""Names of all samplers that `bench sampler` knows."""
