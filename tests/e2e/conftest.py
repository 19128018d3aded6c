"""Fixtures for the tests of the whole."""

from libs.testkit.otlp import collector

__all__ = ["collector"]
