"""Reconciling: files of statements are read, kept as evidence, and matched against what the log has recorded."""
