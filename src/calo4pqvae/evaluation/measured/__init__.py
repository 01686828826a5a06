"""What is measured on each shower of a file, in one pass."""
