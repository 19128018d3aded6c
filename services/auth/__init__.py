"""Who users are and what they are trusted with. See README.md."""
