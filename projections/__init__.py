"""The read side: what the log says, in answers. Nothing here writes to a log."""
