"""Live queries: a result, then changes that keep it true, for however many watch."""
