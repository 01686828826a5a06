"""A decoder that draws hits cell by cell, told of the shower's axis in all its depth."""
