"""The temperature of a chip, its drift, and whether it does what generating relies on."""
