"""The chassis: how a service starts, stops, reports health, logs, traces and is set.

A service's `app.py` returns an `App` of `Part`s; each part is handed a `Runtime` that gives it what
it needs from outside. `runner` runs the parts of one or more services in one process.
"""
