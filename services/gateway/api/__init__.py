"""HTTP in. Read `application` first, then `routes`, which answers all that matters."""
