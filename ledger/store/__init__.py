"""The logs: where events and the journal of commands are kept."""
