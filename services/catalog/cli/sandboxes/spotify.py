"""Spotify's Web API in the sandbox, and where it gives tokens."""

import base64
import re

from services.catalog.adapters.partners.sandbox import BAND_SPOTIFY
from services.catalog.cli.sandboxes.serving import (
    Changes,
    Json,
    Request,
    Response,
    number,
    tagged,
)
from services.catalog.cli.sandboxes.world import BAND, albums, tracks

TOKEN = "sandbox-token"  # noqa: S105  # It opens nothing.
_ALBUMS = re.compile(r"/v1/artists/([^/]+)/albums")
_ARTIST = re.compile(r"/v1/artists/([^/]+)")
_TRACKS = re.compile(r"/v1/albums/4SandboxAlbum(\d+)/tracks")


class Spotify:
    """The band's records. What is changed or added goes by the track's id."""

    def answer(self, request: Request, changes: Changes) -> Response:
        if request.path == "/api/token":
            return _token(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "The access token expired")
        offset = number(request.params.get("offset"), 0, 1_000_000)
        if found := _ALBUMS.fullmatch(request.path):
            if found.group(1) != BAND_SPOTIFY:
                return _error(404, "Resource not found")
            limit = number(request.params.get("limit"), 5, 10)
            return tagged(
                request, _list([_album(at) for at in range(len(albums()))], limit, offset)
            )
        if found := _TRACKS.fullmatch(request.path):
            limit = number(request.params.get("limit"), 20, 50)
            return tagged(request, _list(_tracks(int(found.group(1)), changes), limit, offset))
        found = _ARTIST.fullmatch(request.path)
        if found is not None and found.group(1) == BAND_SPOTIFY:
            return tagged(request, Response.json(_artist()))
        return _error(404, "Resource not found")

    def limited(self, retry_after: int) -> Response:
        response = _error(429, "API rate limit exceeded")
        response.headers["retry-after"] = str(retry_after)
        return response


def _token(request: Request) -> Response:
    kind, _, said = request.headers.get("authorization", "").partition(" ")
    is_known = kind == "Basic" and base64.b64decode(said or "").count(b":") == 1
    if not is_known or request.form.get("grant_type") != "client_credentials":
        body = {"error": "invalid_client", "error_description": "Invalid client"}
        return Response.json(body, 400)
    return Response.json({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600})


def _error(status: int, message: str) -> Response:
    return Response.json({"error": {"status": status, "message": message}}, status)


def _list(items: list[Json], limit: int, offset: int) -> Response:
    shown = items[offset : offset + limit]
    is_last = offset + limit >= len(items)
    return Response.json(
        {
            "items": shown,
            "limit": limit,
            "offset": offset,
            "total": len(items),
            "next": None if is_last else f"https://api.spotify.com/?offset={offset + limit}",
        }
    )


def _artist() -> Json:
    return {"id": BAND_SPOTIFY, "name": BAND, "type": "artist", "genres": []}


def _album(at: int) -> Json:
    return {
        "id": f"4SandboxAlbum{at}",
        "name": albums()[at],
        "album_type": "album",
        "release_date": str(2018 + 3 * at),
        "release_date_precision": "year",
        "artists": [_artist()],
    }


def _tracks(at: int, changes: Changes) -> list[Json]:
    rows = [
        {
            "id": track.track_id,
            "name": f"{track.title} - Remastered 2024" if track.number % 5 == 0 else track.title,
            "artists": [_artist()],
            "disc_number": 1,
            "duration_ms": 180_000 + 1000 * track.number,
            "is_local": False,
        }
        for track in tracks()
        if track.album == albums()[at]
    ]
    return changes.applied([(str(row["id"]), row) for row in rows]) if at == 0 else rows
