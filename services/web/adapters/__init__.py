"""The other services, asked over the bus, and the files that browsers are given."""
