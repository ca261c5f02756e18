"""Writing to Meetecho: a group's interim rooms, and the slide decks of a session. No harvest imports this package.

Both are written as desired state: compare what is wanted with what is there, and send the difference. A second run
sends nothing.

    desired_state.py       rooms and decks as they should be
    calls.py               the requests that change something, and the client that sends them
    room_plan.py           desired and existing rooms -> changes; pure
    room_apply.py          makes the changes of a plan
    slide_source.py        a session's decks as the datatracker has them
    deck_link_check.py     whether the URL of each deck answers
    slide_sync.py          sends a session's decks
    write_log_contract.py  what these modules need of the log of writes

Sources: `ietf/utils/meetecho.py`, `ietf/utils/tests_meetecho.py` and `ietf/meeting/helpers.py` of
https://github.com/ietf-tools/datatracker (2024 to 2026). Meetecho publishes no documentation.
"""
