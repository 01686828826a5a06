"""From two shower files to numbers, figures and one page."""
