"""Elasticsearch as a sink.

    cluster    which cluster, as whom, under which names; free of the client library, so that settings can build one
    client     one HTTP client: every answer a value, every refusal in words
    patience   how long and how often to try again
    indices    a missing index created with our mappings, somebody else's refused
    bulk       one bulk request: sent, split, retried, every item accounted for
    flights    batches and the requests in flight
    lines      NDJSON lines -> operations
    loader     the sink, and `harvester load`
    replacing  a sink around the loader: a meeting counts as done once its leftovers are gone
    leftovers  what an earlier harvest stored and the new one lacks: found and deleted
    inventory  what the index holds of an account, for `harvester verify`
    check      what works, for `harvester check`

Only `client` imports the elasticsearch package (0.3 s): whoever does not load does not pay for it.
"""
