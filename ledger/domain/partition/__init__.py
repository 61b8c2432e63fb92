"""A partition of the log, which is closed as a whole."""
