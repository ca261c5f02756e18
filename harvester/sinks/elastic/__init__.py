"""Elasticsearch as a sink.

    config               connection settings, names of indices; independent of the client library
    client               the HTTP client: every answer a value, every refusal with a message; retries
    response_limits      limits on the size, the duration and the nesting of an answer
    answer_parsing       reads parts of answers, and refuses other shapes
    index_creation       creates missing indices with the shipped mappings, refuses those of other applications
    index_identity       which indices there are, and how new their documents are
    bulk                 sends one batch: splits it, retries it, accounts for every item
    bulk_queue           fills batches and sends a few at a time
    ndjson_reader        NDJSON lines -> operations
    loader               the sink, and `harvester load`
    stale_documents      finds and deletes documents that a new harvest of a meeting no longer contains
    stale_cleanup_sink   a sink around the loader: a meeting counts as done once its stale documents are gone
    deletion             deletes documents by id, each up to a version
    account_documents    the documents of an account in the index, for `harvester verify`
    future_harvest_times gives documents of a clock that was ahead the present time
    document_reader      every document in the index, for `harvester report` and `attendance`
    person_search        the documents that may name a person, for `harvester forget`
    room_documents       loads the states of rooms and their bookings
    templates            the shipped index templates: shown, installed, compared with those of the cluster
    mapping_diff         the mappings of existing indices, compared with those shipped
    check                the connection and the privileges, for `harvester check`

Only `client` and `response_limits` import the elasticsearch package (0.3 s), so commands that do not load need not wait for it.
"""
