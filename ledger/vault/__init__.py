"""The vault: who persons are, encrypted under a key of each person's own, apart from the log. Erasing is forgetting it.

The log names a customer by a random id and says which fields there are; their values stand here and nowhere else.
"""
