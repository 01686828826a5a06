"""One long sequence of showers in files of their own, made by many processes or machines."""
