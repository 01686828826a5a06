"""Numbers that compare showers: observables, distances and their floors."""
