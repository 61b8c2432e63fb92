"""What goes together: settings, the log, terms and answers, each with its lifetime."""
