"""Ticketmaster's Discovery API in the sandbox."""

from services.catalog.adapters.partners.sandbox import BAND_ATTRACTION, BAND_MBID, BAND_SPOTIFY
from services.catalog.cli.sandboxes.serving import (
    Changes,
    Json,
    Request,
    Response,
    Today,
    number,
    tagged,
)
from services.catalog.cli.sandboxes.world import BAND, Coming, coming, hex_of

PAGE_SIZE_MAX = 200
THINGS_MAX = 1000


class Ticketmaster:
    """The band's shows to come. What is changed or added goes by the event's id."""

    def __init__(self, today: Today) -> None:
        self._today = today

    def answer(self, request: Request, changes: Changes) -> Response:
        if not request.params.get("apikey"):
            fault = {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "oauth.v2.Invalid"}}
            return Response.json({"fault": fault}, 401)
        if request.path != "/discovery/v2/events.json":
            error = {"code": "DIS1004", "detail": "Resource not found", "status": "404"}
            return Response.json({"errors": [error]}, 404)
        size = max(1, number(request.params.get("size"), 20, PAGE_SIZE_MAX))
        page = number(request.params.get("page"), 0, 1_000_000)
        if (page + 1) * size > THINGS_MAX:
            error = {"code": "DIS1035", "detail": "API Limits Exceeded", "status": "400"}
            return Response.json({"errors": [error]}, 400)
        return tagged(request, self._page(request, changes, page, size))

    def limited(self, retry_after: int) -> Response:
        said = "Rate limit quota violation. Quota limit  exceeded."
        detail = {"errorcode": "policies.ratelimit.QuotaViolation"}
        return Response.json(
            {"fault": {"faultstring": said, "detail": detail}}, 429, retry_after=str(retry_after)
        )

    def _page(self, request: Request, changes: Changes, page: int, size: int) -> Response:
        since = request.params.get("startDateTime", "")[:10]
        wanted = request.params.get("attractionId")
        known = (
            [_event(show) for show in coming(self._today())] if wanted == BAND_ATTRACTION else []
        )
        events = [
            event
            for event in changes.applied([(event["id"], event) for event in known])
            if event["dates"]["start"]["localDate"] >= since
        ]
        shown = events[page * size : (page + 1) * size]
        pages = -(-len(events) // size)
        return Response.json(
            {
                **({"_embedded": {"events": shown}} if shown else {}),
                "_links": {"self": {"href": f"{request.path}{{&page,sort}}", "templated": True}},
                "page": {
                    "size": size,
                    "totalElements": len(events),
                    "totalPages": pages,
                    "number": page,
                },
            }
        )


def _event(show: Coming) -> Json:
    venue = show.venue
    return {
        "name": BAND,
        "type": "event",
        "id": show.event_id,
        "test": False,
        "url": f"https://www.ticketmaster.com/event/{show.event_id}",
        "dates": {
            "start": {
                "localDate": show.local_date.isoformat(),
                "localTime": show.local_time.isoformat(),
                "dateTime": f"{show.starts_at:%Y-%m-%dT%H:%M:%SZ}",
                "dateTBD": False,
                "dateTBA": False,
                "timeTBA": False,
                "noSpecificTime": False,
            },
            "timezone": venue.zone,
            "status": {"code": "onsale"},
        },
        "_embedded": {
            "venues": [
                {
                    "name": venue.name,
                    "type": "venue",
                    "id": f"Kov{hex_of(venue.name)}",
                    "timezone": venue.zone,
                    "city": {"name": venue.city},
                    "country": {"name": venue.country, "countryCode": venue.country},
                    "location": {
                        "longitude": f"{venue.longitude:.8f}",
                        "latitude": f"{venue.latitude:.8f}",
                    },
                }
            ],
            "attractions": [
                {
                    "name": BAND,
                    "type": "attraction",
                    "id": BAND_ATTRACTION,
                    "externalLinks": {
                        "musicbrainz": [{"id": BAND_MBID}],
                        "spotify": [{"url": f"https://open.spotify.com/artist/{BAND_SPOTIFY}"}],
                    },
                }
            ],
        },
    }
