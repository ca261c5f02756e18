"""Whether the index holds what it should: the vendor's listing, the journal and the index, compared.

findings     what can be wrong with a meeting
comparison   finds it, and changes nothing
repair       harvests a meeting again, or deletes documents; never one that is newer or richer than the meeting's own,
             and what exists nowhere else only on request
result       what was found of one account, and the exit code
runner       verifies one account from beginning to end
"""
