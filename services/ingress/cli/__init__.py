"""Commands of `backline` that ingress brings along."""
