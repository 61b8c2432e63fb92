"""A line: a number with its current account; what every product shares."""
