"""Luma in the sandbox: the API of a calendar, and the feed that is made of it."""

from datetime import UTC, datetime, time, timedelta

from services.catalog.adapters.partners.sandbox import CALENDAR
from services.catalog.cli.sandboxes.serving import (
    Changes,
    Json,
    Now,
    Request,
    Response,
    number,
    tagged,
)
from services.catalog.cli.sandboxes.world import BAND, CALENDAR_NAME, Meeting, meetings

PAGE_SIZE_MAX = 20
SEQUENCE = 191_064_626
_LASTS = timedelta(hours=2)


class Luma:
    """The gatherings of the band's calendar. What is changed or added goes by the event's id."""

    def __init__(self, now: Now) -> None:
        self._now = now

    def answer(self, request: Request, changes: Changes) -> Response:
        if not request.headers.get("x-luma-api-key"):
            return Response.json({"message": "You must provide a valid API key."}, 401)
        if request.path != "/v1/calendars/events/list":
            return Response.json({"message": "Not Found"}, 404)
        events = changes.applied(
            [(each.event_id, _event(each)) for each in meetings(self._now().date())]
        )
        size = max(1, number(request.params.get("pagination_limit"), 20, PAGE_SIZE_MAX))
        cursor = request.params.get("pagination_cursor", "")
        first = number(cursor.removeprefix("from-"), 0, 1_000_000)
        has_more = first + size < len(events)
        return tagged(
            request,
            Response.json(
                {
                    "entries": events[first : first + size],
                    "has_more": has_more,
                    "next_cursor": f"from-{first + size}" if has_more else None,
                }
            ),
        )

    def limited(self, retry_after: int) -> Response:
        said = {"message": "Too many requests."}
        return Response.json(said, 429, retry_after=str(retry_after))


class Ics:
    """The feed of the same calendar, as Luma writes it. Changes are properties of an event."""

    def __init__(self, now: Now) -> None:
        self._now = now

    def answer(self, request: Request, changes: Changes) -> Response:
        if request.path != "/harbour.ics":
            return Response(404, b"Not Found", {"content-type": "text/plain"})
        today = self._now().date()
        found = changes.applied([(it.event_id, _properties(it)) for it in meetings(today)])
        stamp = f"{datetime.combine(today, time(9), UTC):%Y%m%dT%H%M%SZ}"
        lines = [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            f"PRODID:-//Luma//{CALENDAR_NAME}//EN",
            f"X-WR-CALNAME:{CALENDAR_NAME}",
            "CALSCALE:GREGORIAN",
            "METHOD:PUBLISH",
        ]
        for event in found:
            lines += ["BEGIN:VEVENT", f"DTSTAMP:{stamp}", f"SEQUENCE:{SEQUENCE}"]
            lines += [f"{name}:{value}" for name, value in event.items()]
            lines += ["STATUS:TENTATIVE", "END:VEVENT"]
        body = "\n".join([*lines, "END:VCALENDAR", ""]).encode()
        return tagged(request, Response(200, body, {"content-type": "text/calendar"}))

    def limited(self, retry_after: int) -> Response:
        return Response(429, b"", {"retry-after": str(retry_after)})


def _event(meeting: Meeting) -> Json:
    venue = meeting.venue
    place = {"city": venue.city, "country": venue.country, "full_address": _address(meeting)}
    return {
        "platform": "luma",
        "id": meeting.event_id,
        "calendar_id": CALENDAR,
        "start_at": f"{meeting.starts_at:%Y-%m-%dT%H:%M:%S.000Z}",
        "end_at": f"{meeting.starts_at + _LASTS:%Y-%m-%dT%H:%M:%S.000Z}",
        "duration_interval": "PT2H",
        "timezone": venue.zone,
        "name": _name(meeting),
        "description": "Songs, and how they came to be.",
        "geo_address_json": None if meeting.is_online else place,
        "coordinate": None
        if meeting.is_online
        else {"longitude": venue.longitude, "latitude": venue.latitude},
        "location_type": "zoom" if meeting.is_online else "offline",
        "location_visibility": "guests-only" if meeting.number % 7 == 3 else "public",
        "cover_url": f"https://images.lumacdn.com/sandbox/{meeting.number}.jpg",
        "url": f"https://luma.com/sandbox{meeting.number:04}",
        "visibility": "private" if meeting.number % 10 == 9 else "public",
        "waitlist_status": "enabled" if meeting.number % 2 else "disabled",
    }


def _properties(meeting: Meeting) -> Json:
    url = f"https://luma.com/event/{meeting.event_id}"
    return {
        "DTSTART": f"{meeting.starts_at:%Y%m%dT%H%M%SZ}",
        "DTEND": f"{meeting.starts_at + _LASTS:%Y%m%dT%H%M%SZ}",
        f'ORGANIZER;CN="{BAND}"': "MAILTO:calendar-invite@lu.ma",
        "UID": f"{meeting.event_id}@events.lu.ma",
        "SUMMARY": _name(meeting),
        "LOCATION": url if meeting.number % 2 else _address(meeting).replace(",", "\\,"),
    }


def _name(meeting: Meeting) -> str:
    return f"Listening session {meeting.number + 1}"


def _address(meeting: Meeting) -> str:
    return f"{meeting.venue.name}, {meeting.venue.city}"
