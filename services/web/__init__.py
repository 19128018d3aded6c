"""The pages: rendered on the server, then kept true by the same client any frontend uses."""
