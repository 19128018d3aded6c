"""Webhooks while ingress and its servers are killed: what was answered is kept, and done once.

`partners` are those who send, again and again until they are answered; `laws` what must be true of
the log afterwards; `rounds` the rounds.
"""
