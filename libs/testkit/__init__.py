"""What tests stand on: given/when/then, fakes, builders, fixtures and the rules of the house."""
