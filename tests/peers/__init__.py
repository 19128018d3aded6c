"""Real peers that are not Python: servers of others that tests start on this machine."""
