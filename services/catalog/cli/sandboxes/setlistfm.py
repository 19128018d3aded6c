"""setlist.fm in the sandbox."""

import re
from datetime import datetime, time

from services.catalog.adapters.partners.sandbox import BAND_MBID, QUAY_MBID
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
from services.catalog.cli.sandboxes.world import DEAD_MBID, Played, hex_of, played_by

PAGE_SIZE = 20
_SETLISTS = re.compile(r"/rest/1\.0/artist/([^/]+)/setlists")
_SETLIST = re.compile(r"/rest/1\.0/setlist/([^/]+)")


class SetlistFm:
    """Setlists by artist and by id. What is changed or added goes by the setlist's id."""

    def __init__(self, now: Now) -> None:
        self._now = now

    def answer(self, request: Request, changes: Changes) -> Response:
        if not request.headers.get("x-api-key"):
            return Response.json({"message": "Forbidden"}, 403)
        if "json" not in request.headers.get("accept", ""):
            return Response(200, b"<setlists/>", {"content-type": "application/xml"})
        if found := _SETLISTS.fullmatch(request.path):
            return tagged(request, self._page(found.group(1), request, changes))
        if found := _SETLIST.fullmatch(request.path):
            return tagged(request, self._one(found.group(1), changes))
        return self._not_found(request.path)

    def limited(self, retry_after: int) -> Response:
        return Response.json({"message": "Too Many Requests"}, 429, retry_after=str(retry_after))

    def _page(self, mbid: str, request: Request, changes: Changes) -> Response:
        setlists = [row for row in self._all(mbid, changes) if row["artist"]["mbid"] == mbid]
        page = number(request.params.get("p"), 1, 10_000)
        first = (page - 1) * PAGE_SIZE
        if not setlists[first : first + PAGE_SIZE]:
            return self._not_found(request.path)
        return Response.json(
            {
                "type": "setlists",
                "itemsPerPage": PAGE_SIZE,
                "page": page,
                "total": len(setlists),
                "setlist": setlists[first : first + PAGE_SIZE],
            }
        )

    def _one(self, setlist_id: str, changes: Changes) -> Response:
        everybody = (DEAD_MBID, BAND_MBID, QUAY_MBID)
        rows = [row for mbid in everybody for row in self._all(mbid, Changes())]
        found = [
            row
            for row in changes.applied([(row["id"], row) for row in rows])
            if row["id"] == setlist_id
        ]
        return Response.json(found[0]) if found else self._not_found(f"/setlist/{setlist_id}")

    def _all(self, mbid: str, changes: Changes) -> list[Json]:
        now = self._now()
        shows = quay.played(now) if mbid == QUAY_MBID else played_by(mbid, now.date())
        rows = [_setlist(show) for show in shows]
        return changes.applied([(row["id"], row) for row in rows])

    def _not_found(self, path: str) -> Response:
        body = {"status": 404, "error": "Not Found", "message": "not found", "path": path}
        return Response.json({"timestamp": 1_507_422_307_666, **body}, 404)


def _setlist(show: Played) -> Json:
    slug = re.sub(r"[^a-z0-9]+", "-", show.artist.lower()).strip("-")
    page = f"https://www.setlist.fm/setlist/{slug}/{show.day.year}/show-{show.setlist_id}.html"
    written_at = show.written_at or datetime.combine(show.day, time(23, 30))
    sets = []
    for name, songs in show.sets:
        named: Json = {"encore": 1} if name == "Encore" else ({"name": f"{name}:"} if name else {})
        song = [{"name": title, **({"info": ">"} if segue else {})} for title, segue in songs]
        sets.append({**named, "song": song})
    return {
        "id": show.setlist_id,
        "versionId": hex_of(show.setlist_id, "version"),
        "eventDate": f"{show.day:%d-%m-%Y}",
        "lastUpdated": f"{written_at:%Y-%m-%dT%H:%M:%S}.000+0000",
        "artist": {
            "mbid": show.artist_mbid,
            "name": show.artist,
            "sortName": show.artist,
            "disambiguation": "",
            "url": f"https://www.setlist.fm/setlists/{slug}-{hex_of(show.artist_mbid)}.html",
        },
        "venue": {
            "id": show.venue_id,
            "name": show.venue or "Unknown Venue",
            "city": {"name": show.city, "country": {"code": show.country, "name": show.country}},
            "url": f"https://www.setlist.fm/venue/{show.venue_id}.html",
        },
        **({"tour": {"name": show.tour}} if show.tour else {}),
        "sets": {"set": sets},
        "url": page,
    }
