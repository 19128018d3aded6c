"""The contracts as others see them: their documents, what breaks them, and what was recorded."""
