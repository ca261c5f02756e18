"""harvester/rooms/push_channels.py: renewed in time, stopped at the end, and never the only source."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import pytest

from connectors.errors import Interrupted, Unreachable
from connectors.google_meet.room_calendar_api import Channel
from harvester.rooms.push_channels import RETRY_AFTER, PushChannels
from harvester.rooms.rooms_file import Room
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.rooms.fake_calendars import FakeCalendars

ADDRESS = "https://rooms.example.org/webhook"
DAY = timedelta(days=1)


@dataclass
class Push(FakeCalendars):
    """Calendars with channels that live for a day."""

    context: FakeContext = field(default_factory=FakeContext)
    open: dict[str, str] = field(default_factory=dict)
    """The calendar of each open channel."""
    most_at_once: int = 0
    tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def watch(self, calendar: str, *, channel: str, token: str, address: str) -> Channel:
        self._ask("watch", calendar)
        assert address == ADDRESS
        assert channel not in self.open
        self.open[channel] = calendar
        self.tokens.append(token)
        self.most_at_once = max(self.most_at_once, list(self.open.values()).count(calendar))
        return Channel(
            id=channel, resource_id=f"r-{channel}", expires_at=self.context.now() + DAY, token=token
        )

    def stop(self, channel: Channel) -> None:
        self._ask("stop", channel.id)
        assert channel.resource_id == f"r-{channel.id}"
        self.open.pop(channel.id, None)


NUMBERS = count()


def run(push: Push, until: timedelta, *rooms: str) -> PushChannels:
    """Run until so long after the start; the channels are then stopped."""
    channels = PushChannels(
        [Room(name=room.upper(), calendar=room) for room in rooms or ("blue",)],
        push,
        push.context,
        ADDRESS,
        new_id=lambda: f"c{next(NUMBERS)}",
    )
    end = NOW + until

    def check_stop() -> None:
        if push.context.now() >= end:
            raise Interrupted(exit_code=143)
        push.context.seconds += 59

    with pytest.raises(Interrupted):
        channels.run(check_stop)
    return channels


@pytest.fixture
def push() -> Push:
    return Push()


def test_each_room_has_a_channel_with_its_own_token(push: Push) -> None:
    run(push, timedelta(hours=1), "blue", "red")
    assert [name for name, _ in push.calls].count("watch") == 2
    assert len(set(push.tokens)) == 2
    assert all(len(token) >= 32 for token in push.tokens)


def test_a_channel_is_replaced_at_80_percent_of_its_life_with_an_overlap(push: Push) -> None:
    run(push, DAY * 0.79)
    assert [name for name, _ in push.calls].count("watch") == 1
    later = Push()
    run(later, DAY * 0.82)
    assert [name for name, _ in later.calls] == ["watch", "watch", "stop", "stop"]
    assert later.most_at_once == 2


def test_all_channels_are_stopped_at_the_end(push: Push) -> None:
    channels = run(push, timedelta(hours=1), "blue", "red")
    assert push.open == {}
    assert not channels.is_open("blue")


def test_a_restart_after_a_kill_stops_the_channels_of_the_run_before(push: Push) -> None:
    push.refused["stop"] = Unreachable("killed")
    run(push, timedelta(hours=1))
    assert len(push.open) == 1
    push.refused.clear()
    push.calls.clear()
    run(push, timedelta(hours=2))
    assert [name for name, _ in push.calls] == ["stop", "watch", "stop"]
    assert push.open == {}


def test_an_expired_channel_is_not_stopped(push: Push) -> None:
    push.refused["stop"] = Unreachable("killed")
    run(push, timedelta(hours=1))
    push.calls.clear()
    push.context.seconds += 2 * DAY.total_seconds()
    run(push, 3 * DAY)
    assert push.calls[0][0] == "watch"


def test_a_refused_channel_is_tried_again_later_and_named_once(
    push: Push, caplog: pytest.LogCaptureFixture
) -> None:
    push.refused["watch"] = Unreachable("no connection")
    with caplog.at_level("WARNING"):
        run(push, RETRY_AFTER * 3.5)
    assert 3 <= len(push.calls) <= 4
    assert [record.message for record in caplog.records] == [
        "rooms: no push channel for BLUE, which is read every minute: no connection"
    ]


def test_a_message_needs_the_id_and_the_token_of_one_channel(push: Push) -> None:
    channels = PushChannels([Room(name="Blue", calendar="blue")], push, push.context, ADDRESS)
    expires = push.context.now() + DAY
    channels.remember("blue", Channel(id="c", resource_id="r", expires_at=expires, token="t"), NOW)
    assert channels.room_of("c", "t") == "Blue"
    for wrong in (("c", None), (None, "t"), ("c", "T"), ("d", "t"), ("c", "é"), (None, None)):
        assert channels.room_of(*wrong) is None
