"""Networks: cylindrical convolutions, hierarchical encoders, decoders, relaxations."""
