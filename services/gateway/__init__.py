"""The gateway: everything a client says to Backline, over HTTP, WebSocket and event streams.

It has no code per feature: `contracts/` says what there is.
"""
