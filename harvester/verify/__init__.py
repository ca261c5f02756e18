"""Does the index hold what it should? The vendor's listing, the journal and the inventory, compared.

findings     what can be wrong with a meeting, and how that is told
comparison   finds it, and changes nothing
repair       what it takes to put it right: to harvest the meeting again, or to delete documents, never one that is
             newer or richer than the meeting's own, and none that exists nowhere else unless that is asked for
"""
