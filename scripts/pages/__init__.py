"""The documentation site: what `make docs` and `make pages` are made of."""
