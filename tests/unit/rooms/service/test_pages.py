"""harvester/rooms/service/pages.py, over HTTP: shown and hidden details, and the right to book."""

from __future__ import annotations

import pytest
import requests

from tests.unit.rooms.fake_calendars import at, event
from tests.unit.rooms.service.running_service import SECRET, Service, Switch


def get(service: Service, path: str = "", session: requests.Session | None = None) -> requests.Response:
    return (session or requests.Session()).get(service.url + path, timeout=30)


def logged_in(service: Service) -> requests.Session:
    session = requests.Session()
    form = {"client": "panels", "secret": SECRET, "room": "Blue"}
    found = session.post(service.url + "login", data=form, timeout=30)
    assert found.url == service.url + "room/Blue"
    return session


def test_the_board_shows_every_room_and_escapes_what_comes_from_outside(service: Service) -> None:
    found = get(service)
    assert found.status_code == 200
    assert "2 of 2 free" in found.text
    assert 'href="/room/R%C3%A9d%20%3C1%3E"' in found.text
    assert "Réd &lt;1&gt;" in found.text
    assert "Lunch &lt;b&gt;" in found.text
    assert "<b>" not in found.text


def test_nothing_from_elsewhere_is_permitted(service: Service) -> None:
    for path in ("", "room/Blue", "login"):
        found = get(service, path)
        policy = found.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "http" not in found.text.replace("http-equiv", "")
        assert 'style="' not in found.text


def test_a_door_panel_has_the_state_in_the_rooms_zone(service: Service) -> None:
    text = get(service, "room/Blue").text
    assert "until 13:00" in text
    assert "13:00 – 14:00 Lunch" in text
    assert 'class="panel free"' in text


@pytest.mark.parametrize(("end", "state"), [(10.25, "soon"), (10.26, "busy"), (None, "unknown")])
def test_the_colour_is_that_of_the_state(service: Service, end: float | None, state: str) -> None:
    if end is None:
        service.clock.time = at(20)
    else:
        service.calendars.set("blue", event("now", 9, end))
        service.read()
    assert f'class="panel {state}' in get(service, "room/Blue").text


def test_a_booked_room_to_which_no_one_joined_is_yellow(service: Service) -> None:
    service.calendars.set("blue", event("now", 9, 11))
    service.read()
    service.no_one_joined.add("Blue")
    for path in ("", "room/Blue"):
        text = get(service, path).text
        assert 'class="card waiting"' in text or 'class="panel waiting"' in text
        assert "No one has joined" in text
    service.no_one_joined.clear()
    assert "No one has joined" not in get(service).text
    service.calendars.set("blue", event("now", 9, 10.1))
    service.read()
    service.no_one_joined.add("Blue")
    assert 'class="panel soon"' in get(service, "room/Blue").text  # free soon says more


def test_the_board_has_the_local_time_of_each_room_if_there_are_several_zones(service: Service) -> None:
    assert " in Europe/Rome" not in get(service).text
    service.calendars.time_zone = "Asia/Tokyo"
    service.copies[1].refresh(full=True)
    text = get(service).text
    assert "11:00 in Europe/Rome" in text
    assert "19:00 in Asia/Tokyo" in text


def test_old_data_is_marked(service: Service) -> None:
    service.clock.time = at(10.1)
    assert 'class="panel free old"' in get(service, "room/Blue").text
    assert "read 6 min ago" in get(service, "room/Blue").text


def test_a_panel_books_after_a_login(service: Service) -> None:
    assert "Book now" not in get(service, "room/Blue").text
    assert "Log in to book" in get(service, "room/Blue").text
    session = logged_in(service)
    assert "Book now" in get(service, "room/Blue", session).text
    found = session.post(service.url + "room/Blue/book", data={"minutes": "30"}, timeout=30)
    assert "Walk-in meeting" in found.text
    assert "until 11:30" in found.text
    assert service.count("insert") == 1
    again = session.post(service.url + "room/Blue/book", data={"minutes": "30"}, timeout=30)
    assert again.status_code == 409
    assert "Not booked: the room is busy." in again.text


@pytest.mark.parametrize("minutes", ["", "29", "-30", "1e9", "30;"])
def test_odd_minutes_are_refused(service: Service, minutes: str) -> None:
    session = logged_in(service)
    found = session.post(service.url + "room/Blue/book", data={"minutes": minutes}, timeout=30)
    assert found.status_code == 400
    assert service.count("insert") == 0


def test_without_a_login_nothing_is_booked(service: Service) -> None:
    for cookie in ("", "panels", "0.panels", "x" * 64 + ".panels", "x.none"):
        found = requests.post(
            service.url + "room/Blue/book",
            data={"minutes": "30"},
            cookies={"rooms_client": cookie},
            timeout=30,
        )
        assert found.status_code == 403
    assert service.count("insert") == 0


def test_a_form_of_another_site_books_nothing(service: Service) -> None:
    session = logged_in(service)
    found = session.post(
        service.url + "room/Blue/book",
        data={"minutes": "30"},
        headers={"Origin": "https://evil.example"},
        timeout=30,
    )
    assert found.status_code == 403
    assert service.count("insert") == 0


def test_the_cookie_is_for_this_site_only_and_does_not_contain_the_secret(service: Service) -> None:
    found = requests.post(
        service.url + "login",
        data={"client": "panels", "secret": SECRET},
        allow_redirects=False,
        timeout=30,
    )
    cookie = found.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert SECRET not in cookie


@pytest.mark.parametrize(
    "form",
    [{}, {"client": "panels"}, {"client": "panels", "secret": "wrong"}, {"client": "x", "secret": SECRET}],
)
def test_a_wrong_login_is_refused(service: Service, form: dict[str, str]) -> None:
    found = requests.post(service.url + "login", data=form, timeout=30)
    assert found.status_code == 401
    assert "Set-Cookie" not in found.headers


def test_a_login_leads_to_no_other_site(service: Service) -> None:
    form = {"client": "panels", "secret": SECRET, "room": "//evil.example"}
    found = requests.post(service.url + "login", data=form, allow_redirects=False, timeout=30)
    assert found.headers["Location"] == "/"


def test_without_booking_there_is_no_login_link(switch: Switch) -> None:
    service = switch.start(booking=False)
    text = get(service, "room/Blue").text
    assert "Book now" not in text
    assert "Log in" not in text


def test_there_is_no_other_room_and_no_other_file(service: Service) -> None:
    assert get(service, "room/none").status_code == 404
    assert get(service, "static/pages.py").status_code == 404
    assert get(service, "static/rooms.css").headers["Content-Type"].startswith("text/css")
    assert get(service, "static/rooms.js").headers["Content-Type"].startswith("text/javascript")


def test_open_pages_receive_changes(service: Service) -> None:
    reading = service.watcher.reading("Blue")
    assert reading is not None
    with requests.get(service.url + "events", stream=True, timeout=30) as stream:
        lines = stream.iter_lines()
        assert next(lines) == b"retry: 5000"
        service.changes.publish(reading)
        assert b'data: {"room":"Blue"}' in (next(lines) for _ in range(3))
