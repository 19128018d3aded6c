"""The pure core: what a message, an error, a decider and an id are. Imports nothing but the
standard library and pydantic's field types, so every other part of the house may lean on it.
"""
