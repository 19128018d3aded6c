"""Ticketmaster's Discovery API in the sandbox."""

from services.catalog.cli.sandboxes import quay
from services.catalog.cli.sandboxes.serving import (
    Changes,
    Json,
    Now,
    Request,
    Response,
    number,
    tagged,
)
from services.catalog.cli.sandboxes.world import HARBOUR_LIGHTS, Artist, Coming, coming, hex_of

PAGE_SIZE_MAX = 200
THINGS_MAX = 1000


class Ticketmaster:
    """The shows to come of an artist. What is changed or added goes by the event's id."""

    def __init__(self, now: Now) -> None:
        self._now = now

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
        known = [_event(show) for show in self._coming(request.params.get("attractionId", ""))]
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

    def _coming(self, attraction: str) -> list[Coming]:
        match attraction:
            case HARBOUR_LIGHTS.attraction:
                return coming(self._now().date())
            case quay.TIDE_CLOCK.attraction:
                return quay.coming(self._now())
            case _:
                return []


def _event(show: Coming) -> Json:
    venue, locally = show.venue, show.locally
    return {
        "name": show.artist.name,
        "type": "event",
        "id": show.event_id,
        "test": False,
        "url": f"https://www.ticketmaster.com/event/{show.event_id}",
        "dates": {
            "start": {
                "localDate": locally.date().isoformat(),
                "localTime": locally.time().isoformat(),
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
            "attractions": [_attraction(show.artist)],
        },
    }


def _attraction(artist: Artist) -> Json:
    links: Json = {"musicbrainz": [{"id": artist.mbid}]}
    if artist.spotify is not None:
        links["spotify"] = [{"url": f"https://open.spotify.com/artist/{artist.spotify}"}]
    return {
        "name": artist.name,
        "type": "attraction",
        "id": artist.attraction,
        "externalLinks": links,
    }
