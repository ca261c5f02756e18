"""What Parley's responses mean."""

from __future__ import annotations

from connectors.base import Context
from connectors.errors import Gone
from connectors.models import Reason
from connectors.response_decisions import Classify, Decision, Response, default_decision
from harvester_example.endpoints import MEETING, STAYS, VENDOR

_OF_ONE_MEETING = frozenset(f"{VENDOR}: {endpoint.call}" for endpoint in (MEETING, STAYS))


def response_classifier(context: Context) -> Classify:
    def classify(response: Response) -> Decision:
        if response.status == 404 and response.broken is None and response.call in _OF_ONE_MEETING:
            return Gone(f"{response.call}: Parley no longer has this meeting (404)", reason=Reason.deleted)
        return default_decision(response, context.now())

    return classify
