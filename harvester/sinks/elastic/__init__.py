"""Elasticsearch as a sink.

    cluster    which cluster, as whom, under which names; free of the client library, so that settings can build one
    client     one HTTP client: every answer a value, every refusal in words
    patience   how long and how often to try again
    indices    a missing index created with our mappings, somebody else's refused
    bulk       one bulk request: sent, split, retried, every item accounted for
    flights    batches and the requests in flight
    lines      NDJSON lines -> operations
    loader     the sink, and `harvester load`
    leftovers  a sink around the loader: what an earlier harvest stored and the new one lacks is deleted
    check      what works, for `harvester check`

Only `client` imports the elasticsearch package (0.3 s): whoever does not load does not pay for it.
"""
