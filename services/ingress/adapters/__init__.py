"""The outside world: how partners sign, and the way to our own owner and keys."""
