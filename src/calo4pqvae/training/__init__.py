"""Training: a plain loop, schedules, resumable checkpoints, data parallel by torchrun."""
