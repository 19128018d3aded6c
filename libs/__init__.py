"""The platform: everything that is the same for every service."""
