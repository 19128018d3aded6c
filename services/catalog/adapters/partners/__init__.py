"""Partners: who knows of shows, songs and gatherings, each read over HTTP in the shape it chose.

`http` asks (politely, with patience, and within what we may); each other module reads one partner's
pages and yields what it says as facts, and as refusals what could not be taken. One bad thing on a
page costs nothing but itself. `syncing` puts it together.
"""
