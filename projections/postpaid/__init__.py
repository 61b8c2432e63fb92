"""What is told of postpaid contracts."""
