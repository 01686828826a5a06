"""Models: what joins bits and showers. One folder for each."""
