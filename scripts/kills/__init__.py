"""What kill campaigns have in common."""
