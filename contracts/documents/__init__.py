"""Documents made from the contracts: JSON Schema for each message, AsyncAPI, OpenAPI; and what it
takes for a change of them to break nobody.
"""
