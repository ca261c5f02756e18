"""Whether to believe a reading of a meeting that has far fewer sessions than are stored, or than the vendor counts, or rows
that have lost their values.

Vendors were seen to answer 200 with an empty or a short list of participants for a meeting whose complete list they had
returned before; rows may also come with their ids and nothing else. A meeting that is over does not lose its participants,
so such an answer is an error until a second reading, much later, returns the same one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Literal

from connectors.models import ONCE_A_DAY, Detail
from harvester.state.session_digest import Doubt, SessionSummary


def lacks_sessions(
    found: Collection[str],
    stored: SessionSummary | None,
    stored_rank: int | None,
    *,
    expected: int | None = None,
    same_source: bool = True,
) -> bool:
    """Whether a reading, whose session keys are `found`, lacks half of the sessions that are stored, or more; or any of them,
    if it also has fewer than the vendor counts elsewhere (`expected`; `None`: it does not count them).

    A vendor merges or corrects a few sessions after a meeting, and a short list lacks most of them. Half of a few sessions
    may be either, so only the vendor's own count makes it credible: two sessions of which one is left are one session
    merged if the listing counts one, too. As many sessions as before, but others, are doubtful too: what Webex has of the
    quality of a meeting makes sessions with ids of their own. Of a live meeting only the number counts, since its sessions
    may get other keys when they end, and of a meeting that another source of the vendor has now been asked about, which
    makes other keys. `stored`: `None` if an earlier version stored the meeting without counting; then only an empty answer
    is doubtful.
    """
    if stored_rank is None:
        return False
    if stored is None:
        return not found and stored_rank >= Detail.basic
    if expected is not None and len(found) < min(stored.count, expected):
        return True
    is_half_credible = expected is not None and len(found) >= expected
    if _is_few(len(found), stored.count, is_half_credible=is_half_credible):
        return True
    shared, sampled = stored.count_shared(found), len(stored.sampled)
    has_keys = same_source and stored_rank >= Detail.basic
    return has_keys and _is_few(shared, sampled, is_half_credible=is_half_credible)


def _is_few(found: int, stored: int, *, is_half_credible: bool) -> bool:
    return 2 * found < stored or (2 * found == stored > 0 and not is_half_credible)


def is_far_below(found: int, expected: int | None) -> bool:
    """Whether a reading with `found` sessions has half of those that the vendor counts elsewhere, or fewer. `expected`: `None`
    if it does not count them."""
    return expected is not None and _is_few(found, expected, is_half_credible=False)


def lost_values(
    stored: SessionSummary, found: SessionSummary, *, drops_personal: bool
) -> Literal["most", "some"] | None:
    """Whether the meeting, or a session that is in both samples, has lost half of its values or more, or else some.

    `drops_personal`: nothing personal is stored by this run, whatever earlier runs have stored.
    """
    lost: Literal["some"] | None = None
    for before, now in stored.pairs(found):
        had, has = (before.neutral, now.neutral) if drops_personal else (sum(before), sum(now))
        if 2 * has <= had > 0:
            return "most"
        if has < had:
            lost = "some"
    return lost


def doubted_since(found: SessionSummary, doubt: Doubt | None, now: datetime) -> datetime:
    """Since when this reading is doubted: since the first equal one, if the last one was equal."""
    return doubt.since if doubt is not None and doubt.sessions == found else now


def is_confirmed(found: SessionSummary, doubt: Doubt | None, now: datetime) -> bool:
    """Whether an equal reading was made long enough ago that both are believed."""
    return now >= doubted_since(found, doubt, now) + ONCE_A_DAY
