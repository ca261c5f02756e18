"""The title, code and planned times of a meeting, from the organizer's online meetings, with `--titles`.

https://learn.microsoft.com/graph/api/onlinemeeting-list (2026). It needs a second permission and an application access policy,
which an admin grants to all users or to some; for the others the answer is 403.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

from connectors.base import Context, refused_today
from connectors.errors import Unreachable, VendorError
from connectors.models import MeetingRef, Reason, SkippedPartition, user_partition
from connectors.parsing import as_text
from connectors.teams.endpoints import ONLINE_MEETINGS
from connectors.teams.http_client import Row, TeamsClient, rows_in
from connectors.teams.identities import is_guid
from connectors.teams.mapping import organizer_of


class Titles:
    """The online meetings of a tenant's organizers. Safe for all threads."""

    def __init__(self, client: TeamsClient, context: Context, tenant: str) -> None:
        self._client = client
        self._context = context
        self._tenant = tenant.lower()
        self._lock = Lock()
        self._asked: set[str] = set()
        self._refused: set[str] = set()
        self._found: dict[str, Row | None] = {}
        """The meetings that `probe` has requested, until they are fetched."""

    def probe(self, ref: MeetingRef) -> Iterator[SkippedPartition]:
        """Requests the meeting of an organizer whom this run has not asked for yet; returns the partition if the organizer
        is refused. One that an earlier run found refused less than a day ago is not asked for again."""
        organizer, link = self._source(ref.row or {})
        if organizer is None or link is None or organizer in self._asked:
            return
        self._asked.add(organizer)
        partition = user_partition(organizer)
        if partition in refused_today(self._context):
            self._refuse(organizer)
        else:
            self._try(ref.uuid, organizer, link)
        if self._is_refused(organizer):
            yield SkippedPartition(partition=partition, reason=Reason.refused, permanent=True)

    def _try(self, uuid: str, organizer: str, link: str) -> None:
        """An error that is not a refusal concerns this meeting, not the listing: its fetch meets it again."""
        try:
            row = self._request(organizer, link)
        except (VendorError, Unreachable):
            return
        with self._lock:
            self._found[uuid] = row

    def find(self, uuid: str, record: Row) -> Row | None:
        """The online meeting of a call record; `None` if it has none, or its organizer is refused."""
        organizer, link = self._source(record)
        if organizer is None or link is None or self._is_refused(organizer):
            return None
        with self._lock:
            if uuid in self._found:
                return self._found.pop(uuid)
        return self._request(organizer, link)

    def needs_request(self, record: Row) -> bool:
        organizer, link = self._source(record)
        return organizer is not None and link is not None and not self._is_refused(organizer)

    def _source(self, record: Row) -> tuple[str | None, str | None]:
        """The organizer, if it may be one of this tenant, and the link into the meeting."""
        organizer = organizer_of(record)
        if organizer is None or not self._is_of_this_tenant(organizer.tenant_id):
            return None, None
        return organizer.id, as_text(record.get("joinWebUrl"))

    def _is_of_this_tenant(self, tenant: str | None) -> bool:
        return tenant is None or not is_guid(self._tenant) or tenant.lower() == self._tenant

    def request(self, organizer: str, link: str) -> Row | None:
        """The organizer's online meeting with this link; `None` if there is none. Raises VendorError, with 403 if the
        permission or the policy is missing."""
        quoted = link.replace("'", "''")
        body = self._client.get(ONLINE_MEETINGS, organizer, filter=f"JoinWebUrl eq '{quoted}'")
        return next(iter(rows_in(body, ONLINE_MEETINGS)), None)

    def _request(self, organizer: str, link: str) -> Row | None:
        """The same; also `None` if the organizer is refused, which is remembered, or unknown to this tenant."""
        try:
            return self.request(organizer, link)
        except VendorError as error:
            if error.status == 403:
                self._refuse(organizer)
            elif error.status != 404:
                raise
            return None

    def _refuse(self, organizer: str) -> None:
        with self._lock:
            self._refused.add(organizer)

    def _is_refused(self, organizer: str) -> bool:
        with self._lock:
            return organizer in self._refused
