"""The partners as they answer in the sandbox: from a small world, made of facts and of arithmetic.

Real are the shows of the Grateful Dead's tour of Europe in 1972 (the project's seed). Made up is a
band that is on tour whenever somebody looks, its songs and its gatherings. Every partner tells what
it would know of them, in its own shape, with its paging, its keys, its tags and its errors. And
faults can be asked for.
"""
