"""What is sent to a chip: placement, fields, couplings, flux biases, and their ranges."""
