"""What is said across a boundary: the only thing services share.

One module per service holds its commands, events, queries, views and rejections.
"""
