"""Block Gibbs sampling by compiled code on all cores of a CPU."""
