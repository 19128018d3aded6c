"""Fixtures for the tests of the gateway."""

from libs.testkit.otlp import collector

__all__ = ["collector"]
