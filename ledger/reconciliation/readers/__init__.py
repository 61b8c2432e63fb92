"""Readers of statements: what a file says, line by line. Each format is a module; none touches the log."""
