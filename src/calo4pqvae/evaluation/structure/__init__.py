"""What the structure of single showers is: axis, neighbours, extremes, runs, correlations."""
