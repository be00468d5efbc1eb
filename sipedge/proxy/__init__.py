"""What the edge decides about a message (RFC 3261 sections 10 and 16), without any I/O."""
