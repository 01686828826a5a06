"""Block Gibbs sampling by a CUDA kernel."""
