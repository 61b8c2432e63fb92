"""Proving a log: re-read, explained, decided again."""
