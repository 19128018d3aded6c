"""Fixtures for the tests of this room."""

from libs.testkit.otlp import collector

__all__ = ["collector"]
