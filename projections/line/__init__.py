"""What every product of a line shares: its states, use, numbers, blocks and life; a line as of an instant."""
