"""Users whom one API refuses while others are read: skipped, and named once per run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock

from connectors.base import Context
from connectors.errors import ConfigurationError, VendorError
from connectors.google_meet.auth import UserUnavailable
from connectors.google_meet.endpoints import VENDOR
from connectors.google_meet.errors import Forbidden
from connectors.models import Reason, SkippedPartition, user_partition

MAX_NAMED = 20
"""How many refused users are named."""

UNKNOWN = "Google does not know these users, or has suspended them, so what only they can list is skipped"


def skip_user(user: str, error: VendorError) -> SkippedPartition:
    """The partition of a user who could not be listed."""
    reason = Reason.error
    if isinstance(error, UserUnavailable):
        reason = Reason.unknown_user
    elif isinstance(error, Forbidden):
        reason = Reason.refused
    return SkippedPartition(partition=user_partition(user.lower()), reason=reason, permanent=False)


def unknown_users(users: Iterable[str], status: int = 400) -> ConfigurationError:
    """The error for users whom `--user` names, and Google does not know: a later run would not know them either."""
    names = first_names(sorted(users))
    return ConfigurationError(
        f"{VENDOR}: Google does not know {names} ({status}), or has suspended the account: correct or remove --user, which "
        "takes the primary address of a person of this Workspace"
    )


def accepts_admin(require_access: Callable[[], None]) -> bool:
    """Whether an API answers the admin, so that a refusal concerns the refused user alone. `require_access`: makes one call,
    and raises VendorError if it is refused."""
    try:
        require_access()
    except VendorError:
        return False
    return True


class RefusedUsers:
    """Collects the users whom an API refuses. Safe for threads."""

    def __init__(self, context: Context, refused: str) -> None:
        """`refused`: what a 403 of this API means, in words."""
        self._context = context
        self._words: Mapping[Reason, str] = {Reason.unknown_user: UNKNOWN, Reason.refused: refused}
        self._lock = Lock()
        self._users: dict[Reason, set[str]] = {}
        self._named: set[str] = set()

    def add(self, user: str, reason: Reason) -> None:
        with self._lock:
            self._users.setdefault(reason, set()).add(user)

    def notify(self) -> None:
        """Name each of them, unless this run has named them already."""
        for reason, words in self._words.items():
            with self._lock:
                new = sorted(self._users.get(reason, set()) - self._named)
                self._named.update(new)
            if new:
                self._context.notify_once(f"{VENDOR}: {words}: {first_names(new)}")


def first_names(users: Sequence[str]) -> str:
    more = f" and {len(users) - MAX_NAMED:,} more" if len(users) > MAX_NAMED else ""
    return ", ".join(users[:MAX_NAMED]) + more
