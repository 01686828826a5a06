"""What is measured on each shower."""
