"""A statement: what somebody else wrote down, line by line, and what was decided about it. It moves nothing."""
