"""Making the environment."""
