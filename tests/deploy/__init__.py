"""The containers, with a real engine: `pytest -m docker tests/deploy`."""
