"""Tests the simulated Webex API: visibility, pages, errors, limits, and availability of qualities."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from ipaddress import ip_address

import pytest

from harvester.simulator.organisation import DAY, Case
from harvester.simulator.webex.account import KEPT, READY, SITE, Instance, Quirk
from harvester.simulator.webex.scopes import GRANTED
from tests.unit.simulator.clients import NOW, WebexClient, next_url, send_request, webex_client

WINDOW = {"from_": "2026-11-10T00:00:00Z", "to": "2026-11-21T00:00:00Z"}


@pytest.fixture(scope="module")
def webex() -> WebexClient:
    return webex_client()


def ids(webex: WebexClient) -> set[str]:
    return {instance.id for instance in webex.webex.account.instances}


def ready(webex: WebexClient) -> Instance:
    return next(
        i for i in webex.webex.account.instances if i.meeting.case is Case.recurring and measurable(webex, i)
    )


def measurable(webex: WebexClient, instance: Instance) -> bool:
    return READY <= webex.webex.account.organisation.now - instance.meeting.start < KEPT - DAY


def test_instances_are_listed_on_request(webex: WebexClient) -> None:
    rows = webex.listed()
    assert {row["id"] for row in rows} == ids(webex)
    assert {row["meetingType"] for row in rows} == {"meeting"}
    assert {row["state"] for row in rows} == {"ended", "inProgress", "lobby"}
    assert all(("end" in row) is (row["state"] == "ended") for row in rows)
    assert {row["scheduledType"] for row in rows} == {"meeting", "webinar"}


def test_without_a_type_series_of_the_coming_week_are_listed(webex: WebexClient) -> None:
    host = max(webex.webex.account.instances, key=lambda i: i.meeting.kind == "recurring").meeting.host
    rows = webex.items("/meetings", hostEmail=host.email)
    assert rows
    assert {row["meetingType"] for row in rows} == {"meetingSeries"}
    assert not {row["id"] for row in rows} & ids(webex)
    assert min(row["start"] for row in rows) >= "2026-11-20T12"
    occurrences = webex.items("/meetings", hostEmail=host.email, meetingType="scheduledMeeting")
    assert {row["meetingType"] for row in occurrences} == {"scheduledMeeting"}


def test_without_times_the_last_seven_days_are_listed(webex: WebexClient) -> None:
    rows = webex.items("/meetings", meetingType="meeting", max=100)
    assert min(row["start"] for row in rows) >= "2026-11-13T12:00"
    assert len(rows) < len(ids(webex))
    half = {"meetingType": "meeting", "max": 100}
    assert webex.items("/meetings", **half, from_="2026-11-13T12:00:00Z")
    assert max(r["start"] for r in webex.items("/meetings", **half, to="2026-11-19T00:00:00Z")) < "2026-11-19"


def test_a_range_includes_its_beginning_and_excludes_its_end(
    webex: WebexClient,
) -> None:
    row = webex.listed()[20]
    assert row["id"] in {r["id"] for r in webex.listed(from_=row["start"])}
    assert row["id"] not in {r["id"] for r in webex.listed(to=row["start"])}


def test_a_page_has_ten_rows_by_default_and_at_most_a_hundred(
    webex: WebexClient,
) -> None:
    parameters = {"meetingType": "meeting", **WINDOW}
    assert len(webex.get("/meetings", **parameters).body["items"]) == 10
    big = webex_client(size=300)
    answer = big.get("/meetings", max=1000, **parameters)
    assert len(answer.body["items"]) == 100
    assert next_url(answer)


def test_pages_follow_the_link_and_repeat_the_last_row(webex: WebexClient) -> None:
    rows = webex.items("/meetings", meetingType="meeting", max=7, **WINDOW)
    counted = Counter(row["id"] for row in rows)
    assert counted.keys() == {row["id"] for row in webex.listed(**WINDOW)}
    assert set(counted.values()) == {1, 2}
    first = webex.get("/meetings", meetingType="meeting", max=7, **WINDOW)
    second = webex.follow(next_url(first) or "")
    assert {'rel="first"', 'rel="prev"', 'rel="next"'} <= set(
        second.headers["link"].replace(",", ";").split("; ")
    )
    url = next_url(first) or ""
    assert webex.follow(f"{url}&max=7").status == 400  # parameters added to those of the link
    assert webex.follow(url.replace("max=7", "max=8")).status == 400  # a cursor of another query


def test_listings_stop_at_the_maximum() -> None:
    small = webex_client(max_listed=20)
    rows = small.items("/meetings", meetingType="meeting", max=8, **WINDOW)
    assert len({row["id"] for row in rows}) == 20


@pytest.mark.parametrize(
    "query",
    [
        {"max": 0},
        {"max": "many"},
        {"from_": "2026-11-21T00:00:01Z"},
        {"from_": "yesterday"},
        {"meetingType": "instances"},
        {"state": "over"},
        {"scheduledType": "personalRoomMeeting"},
        {"siteUrl": "elsewhere.webex.com"},
        {"meetingNumber": "1", "webLink": "2"},
    ],
)
def test_invalid_queries_are_refused(webex: WebexClient, query: dict[str, object]) -> None:
    answer = webex.get("/meetings", **{"meetingType": "meeting", **WINDOW, **query})
    assert answer.status == 400


def test_listings_are_filtered(webex: WebexClient) -> None:
    ended = webex.listed(state="ended", siteUrl=SITE)
    assert {row["state"] for row in ended} == {"ended"}
    assert {row["scheduledType"] for row in webex.listed(scheduledType="webinar")} == {"webinar"}
    recorded = webex.listed(state="ended", hasRecording="true")
    others = webex.listed(state="ended", hasRecording="false")
    assert 0 < len(recorded) < len(ended)
    assert len(recorded) + len(others) == len(ended)  # false excludes some, too
    instance = webex.instance(Case.drop)
    series = webex.listed(meetingSeriesId=instance.series)
    assert instance.id in {row["id"] for row in series}
    assert {row["meetingSeriesId"] for row in series} == {instance.series}
    number = webex.get("/meetings", meetingNumber=instance.number).body["items"]
    assert [row["id"] for row in number] == [instance.series]


def test_an_admin_can_list_one_users_hosted_and_attended_meetings(webex: WebexClient) -> None:
    email = webex.webex.account.busiest_host.email
    rows = webex.listed(hostEmail=email)
    hosts = Counter(row["hostEmail"] == email for row in rows)
    assert hosts[True]
    assert hosts[False]
    assert len(rows) < len(ids(webex))


def test_others_see_their_own_meetings_and_participants_of_those_they_hosted() -> None:
    own = webex_client(admin=False)
    caller = own.webex.account.busiest_host.email
    rows = own.listed()
    assert {row["hostEmail"] == caller for row in rows} == {True, False}
    for row in rows:
        status = own.get("/meetingParticipants", meetingId=row["id"]).status
        assert status == (200 if row["hostEmail"] == caller else 403)
        assert own.get(f"/meetings/{row['id']}").status == 200
    assert own.get("/meetings", meetingType="meeting", hostEmail=caller).status == 403
    assert own.get("/meetingParticipants", meetingId=rows[0]["id"], hostEmail=caller).status == 403
    assert own.get(f"/admin/meetings/{rows[0]['id']}").status == 403
    assert own.qualities(rows[0]["id"]).status == 403
    assert own.get("/people/me").body["roles"] == []


def test_padded_rows_have_secrets_and_admin_rows_have_none(webex: WebexClient) -> None:
    padded, plain = webex.instance(Quirk.padded), webex.instance(Quirk.old_names)
    rows = {row["id"]: row for row in webex.listed()}
    assert {"password", "hostKey", "telephony", "panelistPassword", "liveStream"} <= rows[padded.id].keys()
    assert not {"password", "hostKey", "telephony", "meetingNumber"} & rows[plain.id].keys()
    assert rows[webex.instance(Quirk.numbered).id]["meetingNumber"]
    answer = webex.get(f"/admin/meetings/{padded.id}")
    for secret in ("password", "hostKey", "sipAddress"):
        assert rows[padded.id][secret] not in answer.content.decode()
    assert rows[padded.id]["telephony"]["accessCode"] not in answer.content.decode()
    assert answer.body["meetingSeriesId"] == padded.series
    assert "meetingSeriesId" not in webex.get(f"/meetings/{padded.id}").body


def test_a_meeting_is_found_by_id_series_or_occurrence(webex: WebexClient) -> None:
    instance = webex.instance(Case.recurring)
    assert webex.get(f"/meetings/{instance.id}").body["meetingType"] == "meeting"
    assert webex.get(f"/meetings/{instance.series}").body["meetingType"] == "meetingSeries"
    assert webex.get(f"/meetings/{instance.scheduled}").body["meetingType"] == "scheduledMeeting"
    assert webex.get("/meetings/nothing").status == 404
    assert webex.get("/admin/meetings").status == 400
    assert (
        webex.get("/admin/meetings", meetingNumber=instance.number).body["items"][0]["id"] == instance.series
    )


def test_deleted_meetings_are_missing(webex: WebexClient) -> None:
    assert not [i for i in webex.webex.account.instances if i.meeting.case is Case.deleted]


def test_participants_of_an_instance_a_series_or_one_host(webex: WebexClient) -> None:
    instance = webex.instance(Case.mixed)
    parameters = {"meetingId": instance.id}
    assert len(webex.get("/meetingParticipants", **parameters).body["items"]) == 10
    items = webex.items("/meetingParticipants", max=100, **parameters)
    assert (
        webex.items("/meetingParticipants", max=100, hostEmail=instance.meeting.host.email, **parameters)
        == items
    )
    assert webex.get("/meetingParticipants", hostEmail="nobody@example.org", **parameters).status == 404
    assert webex.get("/meetingParticipants").status == 400
    last = [i for i in webex.webex.account.instances if i.series == instance.series][-1]
    of_series = webex.get("/meetingParticipants", meetingId=instance.series).body["items"]
    assert {item["meetingId"] for item in of_series} == {last.id}
    one = webex.get(f"/meetingParticipants/{items[0]['id']}").body
    assert one == items[0]


def test_a_large_meeting_takes_pages_of_a_hundred(webex: WebexClient) -> None:
    huge = webex.instance(Case.huge)
    first = webex.get("/meetingParticipants", meetingId=huge.id, max=5000)
    assert len(first.body["items"]) == 100
    assert next_url(first)
    items = webex.items("/meetingParticipants", meetingId=huge.id, max=100)
    assert len({item["id"] for item in items}) > 250
    assert len({item["id"] for item in items}) < len(items)


def test_participants_are_filtered_by_join_time_room_and_address(webex: WebexClient) -> None:
    instance = webex.instance(Case.mixed)
    parameters = {"meetingId": instance.id, "max": 100}
    items = webex.items("/meetingParticipants", **parameters)
    room = next(i["breakoutSessionsAttended"][0]["id"] for i in items if "breakoutSessionsAttended" in i)
    inside = webex.items("/meetingParticipants", breakoutSessionId=room, **parameters)
    assert 0 < len(inside) < len(items)
    times = {"joinTimeFrom": "2026-08-01T00:00:00Z", "joinTimeTo": "2026-11-21T00:00:00Z"}
    assert webex.get("/meetingParticipants", **parameters, **times).status == 400
    assert webex.items("/meetingParticipants", joinTimeTo="2026-11-01T00:00:00Z", **parameters) == []
    answer = send_request(
        webex.webex, "/webex/v1/meetingParticipants/query", method="POST", query=f"meetingId={instance.id}",
        body=b'{"emails": ["%s"]}' % instance.meeting.host.email.encode(), authorization=f"Bearer {webex.token}",
    )  # fmt: skip
    assert {item["email"] for item in answer.body["items"]} == {instance.meeting.host.email}


def test_missing_scopes_are_refused_and_named() -> None:
    poor = webex_client(scopes=["meeting:schedules_read"])
    assert poor.get("/meetings", meetingType="meeting").status == 200
    answer = poor.get("/meetingParticipants", meetingId="x")
    assert answer.status == 403
    assert b"meeting:participants_read" in answer.content
    for path in ("/people/me", "/meetingPreferences/sites", "/admin/meetings", "/people"):
        assert poor.get(path).status == 403
    assert poor.qualities("x").status == 403


def test_errors_have_a_tracking_id_and_not_always_a_reason(webex: WebexClient) -> None:
    bodies = [webex.get(f"/meetings/{n}").body for n in range(8)]
    assert {"message", "trackingId"} <= set.intersection(*(set(body) for body in bodies))
    assert {"errors" in body for body in bodies} == {True, False}
    assert any("errorCode" in body.get("errors", [{}])[0] for body in bodies)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer made-up"}, {"authorization": "Basic x"}])
def test_without_a_valid_token_everything_is_refused(webex: WebexClient, headers: dict[str, str]) -> None:
    assert send_request(webex.webex, "/webex/v1/meetings", **headers).status == 401
    assert send_request(webex.webex, "/webex-analytics/v1/meeting/qualities", **headers).status == 401


def test_each_call_is_served_by_its_host_only(webex: WebexClient) -> None:
    assert webex.follow("/webex/v1/meeting/qualities?meetingId=x").status == 404
    assert webex.follow("/webex-analytics/v1/meetings").status == 404
    assert webex.get("/elephants").status == 404


def test_rate_limit_errors_have_every_form_of_retry_after() -> None:
    webex = webex_client(per_ten_seconds=5)
    webex.clock.seconds = 100
    answers = [webex.follow("/webex/v1/people/me") for _ in range(13)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 7 + [423]
    waits = [answer.headers.get("retry-after") for answer in answers[5:]]
    assert {None, "0", "10", "70"} <= set(waits)
    webex.clock.seconds = 110
    assert webex.follow("/webex/v1/people/me").status == 200
    assert webex.webex.traffic()["classes"]["general"]["refused"] == 8


def test_qualities_have_valid_addresses_only() -> None:
    webex = webex_client(max_qualities=10_000)
    rows = [
        row
        for instance in webex.webex.account.instances
        if measurable(webex, instance) and (answer := webex.qualities(instance.id)).status == 200
        for row in answer.body["items"]
    ]
    found = {row["publicIP"] for row in rows if row.get("publicIP")}
    assert len(found) > 20
    for address in found:
        ip_address(address)


def test_qualities_are_limited_to_one_call_in_five_minutes_per_meeting() -> None:
    webex = webex_client(max_qualities=2)
    one = ready(webex)
    other = next(i for i in webex.webex.account.instances if i is not one and measurable(webex, i))
    first = webex.qualities(one.id)
    assert first.status == 200
    assert webex.qualities(other.id).status in {200, 204}
    webex.clock.seconds = 299
    refused = webex.follow(next_url(first) or "")  # a page counts as a call
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert webex.webex.traffic()["qualities"] == {"requests": 3, "refused": 1, "smallest_gap": 299}
    webex.clock.seconds = 300
    second = webex.follow(next_url(first) or "")
    assert second.status == 200
    assert second.body["items"][0] not in first.body["items"]
    assert webex.webex.traffic()["qualities"]["smallest_gap"] == 1


def test_speed_shortens_the_five_minutes() -> None:
    webex = webex_client(speed=100)
    one = ready(webex)
    assert webex.qualities(one.id).status == 200
    webex.clock.seconds = 2.9
    assert webex.qualities(one.id).status == 429
    webex.clock.seconds = 3.01
    assert webex.qualities(one.id).status == 200


def test_failed_calls_count_against_the_limit() -> None:
    webex = webex_client()
    young = webex.instance(Case.young)
    assert webex.qualities(young.id).status in {200, 204, 404}
    assert webex.qualities(young.id).status == 429
    assert webex.qualities("nothing").status == 404
    assert webex.qualities("nothing").status == 429


def test_qualities_are_missing_for_ten_minutes() -> None:
    webex = webex_client()
    young = [i for i in webex.webex.account.instances if i.meeting.case is Case.young]
    for instance in young:
        answer = webex.qualities(instance.id)
        assert answer.status in {204, 404} or answer.body["items"] == []
    webex.clock.seconds = 600
    assert all(webex.qualities(instance.id).body["items"] for instance in young)


def test_qualities_are_kept_for_seven_days() -> None:
    webex = webex_client(days=10)
    now = webex.webex.account.organisation.now
    ages = {now - i.meeting.start: i for i in webex.webex.account.instances}
    assert any(age > KEPT for age in ages)
    for age, instance in ages.items():
        if age > READY and instance.meeting.end <= now:
            assert webex.qualities(instance.id).status == (404 if age > KEPT else 200)
        assert not KEPT - 3_600_000 < age <= KEPT  # nothing expires in the quiet hour


def test_qualities_are_found_by_instance_id_only(webex: WebexClient) -> None:
    assert webex.qualities(webex.instance(Case.recurring).series).status == 404
    assert webex.qualities("").status == 400


def test_without_a_pro_pack_there_are_no_qualities() -> None:
    poor = webex_client(pro_pack=False)
    assert poor.qualities(ready(poor).id).status == 403
    assert poor.webex.traffic()["qualities"]["requests"] == 0


@pytest.mark.parametrize("status", [451, 403])
def test_qualities_of_another_region_are_served_there(status: int) -> None:
    elsewhere = webex_client(elsewhere=status)
    one = ready(elsewhere)
    answer = elsewhere.qualities(one.id)
    assert answer.status == status
    assert "analytics-eu.webexapis.com" in answer.body["message"]
    assert answer.body["errorCode"] == status
    assert elsewhere.qualities(one.id, host="webex-analytics-eu").status == 200


def test_people_and_sites(webex: WebexClient) -> None:
    assert webex.get("/people/me").body["roles"]
    people = webex.items("/people", max=20)
    assert len({row["id"] for row in people}) > 20
    assert webex.get("/meetingPreferences/sites").body == {"sites": [{"siteUrl": SITE, "default": True}]}
    assert webex_client(scopes=GRANTED[:2]).get("/people").status == 400


def test_the_date_header_shows_the_simulated_time() -> None:
    later = webex_client(later=timedelta(days=1))
    assert later.get("/people/me").headers["date"].startswith(f"{NOW + timedelta(days=1):%a, %d %b %Y 12:}")
