"""Spotify's Web API: the songs that an artist has recorded, and the records they came out on.

    POST accounts.spotify.com/api/token   grant_type=client_credentials; an hour, nothing to refresh
    GET /v1/artists/{id}
    GET /v1/artists/{id}/albums?include_groups=album,single&limit=10&offset=0
    GET /v1/albums/{id}/tracks?limit=50&offset=0

The reads of many at once are deprecated since 2026, so albums are read one by one. A song comes out
more than once, remastered and live: it is one song here, called by its plain title, and came out on
the first of its records. Which that is is known once all are read; so the whole is one page to
us, however many pages it is at Spotify.
source    https://developer.spotify.com/documentation/web-api
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from contracts.catalog import Kind, id_of
from contracts.catalog_artists import RegisterArtist
from contracts.catalog_songs import RegisterSong
from contracts.catalog_syncs import PageMark, Partner
from libs.kernel.clock import Clock
from services.catalog.adapters.findings import (
    Fact,
    Finding,
    Part,
    Unreadable,
    Where,
    key_of,
)
from services.catalog.adapters.partners.http import Http, Reply
from services.catalog.adapters.partners.page import (
    Item,
    Page,
    each,
    item,
    items_of,
    needed,
    text,
)
from services.catalog.adapters.partners.trouble import Denied, Garbled
from services.catalog.domain.syncs import Target

SOURCE: Final = Partner.SPOTIFY.value
ALL: Final = "all"
ALBUMS_PAGE_SIZE: Final = 10
TRACKS_PAGE_SIZE: Final = 50
ALBUMS_MAX: Final = 500
TRACKS_MAX: Final = 1000
"""Of one record."""

_EARLY_SECONDS: Final = 60.0

_VERSION = re.compile(
    r"\s+(-|\(|\[)\s*[^-(\[]*\b(remaster(ed)?|live|mono|stereo|version|edit|mix|demo|deluxe"
    r"|acoustic|single|bonus track)\b.*$",
    re.IGNORECASE,
)


class Spotify:
    """Spotify as a source of one page."""

    lists_past = True

    def __init__(
        self, api: Http, accounts: Http, credentials: tuple[str, str], clock: Clock
    ) -> None:
        """`credentials`: the id of our app, and its secret."""
        self._api = api
        self._accounts = accounts
        self._credentials = credentials
        self._clock = clock
        self._token = ""
        self._token_until = 0.0

    def first(self, _target: Target) -> str:
        return ALL

    def artist_id(self, target: Target) -> str | None:
        return id_of(Kind.ARTIST, SOURCE, target.external_id)

    def after(self, _cursor: str) -> str | None:
        return None

    async def page(
        self, target: Target, _cursor: str, _mark: PageMark | None, _as_of: datetime
    ) -> Page:
        """See `Source.page`."""
        artist_id = target.external_id
        artist = (await self._get(f"/v1/artists/{artist_id}")).json()
        albums: list[Item] = []
        left_out: list[Finding] = []
        listed = f"/v1/artists/{artist_id}/albums"
        found, is_all = await self._all(
            listed, ALBUMS_PAGE_SIZE, ALBUMS_MAX, include_groups="album,single"
        )
        if not is_all:
            left_out.append(_left_out("records", ALBUMS_MAX, Where("albums", 0)))
        for number, album in enumerate(found, 1):
            if isinstance(album, dict) and isinstance(album.get("id"), str):
                path = f"/v1/albums/{album['id']}/tracks"
                tracks, is_all = await self._all(path, TRACKS_PAGE_SIZE, TRACKS_MAX)
                albums.append({**album, "tracks": tracks})
                if not is_all:
                    left_out.append(_left_out("tracks", TRACKS_MAX, Where(f"album {number}", 0)))
            else:
                albums.append({"tracks": None})
        return Page([*read_artist(artist, albums), *left_out], of=1)

    async def _all(self, path: str, size: int, most: int, **params: str) -> tuple[list[Any], bool]:
        """The things of a list, page by page, and whether these are all: not more than `most`.

        A page may be shorter than what was asked for; what comes next is counted from what came.
        raises   Garbled when a page comes a second time: there would be no end
        """
        things: list[Any] = []
        seen: set[str] = set()
        while True:
            asked: dict[str, str | int] = {**params, "limit": size, "offset": len(things)}
            body = (await self._get(path, asked)).json()
            found = body.get("items")
            if not isinstance(found, list):
                raise Garbled(f"{path}: items is not a list")
            digest = repr(found)
            if found and digest in seen:
                raise Garbled(f"{path}: its pages go in a circle: {asked['offset']} again")
            seen.add(digest)
            things += found
            is_last = not found or body.get("next") is None
            if is_last or len(things) >= most:
                return things[:most], is_last and len(things) <= most

    async def _get(self, path: str, params: dict[str, str | int] | None = None) -> Reply:
        """Ask with a token; once more with a new one when it is not taken."""
        try:
            return await self._api.get(path, params=params, headers=await self._headers())
        except Denied:
            self._token = ""
            return await self._api.get(path, params=params, headers=await self._headers())

    async def _headers(self) -> dict[str, str]:
        now = self._clock().timestamp()
        if not self._token or now >= self._token_until:
            form = {"grant_type": "client_credentials"}
            answer = await self._accounts.post_form("/api/token", form, self._credentials)
            token, seconds = answer.get("access_token"), answer.get("expires_in")
            if not isinstance(token, str) or not isinstance(seconds, int | float):
                raise Garbled("accounts: no token in the answer")
            self._token, self._token_until = token, now + float(seconds) - _EARLY_SECONDS
        return {"authorization": f"Bearer {self._token}", "accept": "application/json"}


def _left_out(what: str, most: int, where: Where) -> Finding:
    return Unreadable(f"more than {most} {what}: the others are left out").refusal(Part.SONG, where)


def read_artist(artist: Item, albums: Iterable[Item]) -> Iterator[Finding]:
    """What an artist's records tell: the artist, and each song once.

    albums   as Spotify has them, each with its `tracks`
    """
    where = Where("artist", 0)
    try:
        spotify_id, name = needed(artist, "id"), needed(artist, "name")
    except Unreadable as error:
        yield error.refusal(Part.ARTIST, where)
        return
    artist_id = id_of(Kind.ARTIST, SOURCE, spotify_id)
    yield Fact(
        RegisterArtist(
            artist_id=artist_id, name=name, external_ids={SOURCE: spotify_id}, source=SOURCE
        ),
        where,
    )
    songs: dict[str, tuple[tuple[str, str, int], Fact]] = {}
    for number, album in enumerate(albums, 1):
        page = f"album {number}"
        try:
            tracks = items_of(album.get("tracks"), "tracks")
            album_id, release = needed(album, "id"), needed(album, "name")
            released = text(album, "release_date") or "9999"
        except Unreadable as error:
            yield error.refusal(Part.SONG, Where(page, 0))
            continue
        for track, place in each(tracks, page):
            try:
                song = _song(track, spotify_id, artist_id, release)
            except Unreadable as error:
                yield error.refusal(Part.SONG, place)
                continue
            if song is None:
                continue
            first = (released, album_id, place.line)
            before = songs.get(song.song_id)
            if before is None or first < before[0]:
                songs[song.song_id] = first, Fact(song, place)
    yield from (fact for _, fact in songs.values())


def _song(track: object, spotify_id: str, artist_id: str, release: str) -> RegisterSong | None:
    """The song of a track; None for one that is not the artist's, or not on Spotify."""
    row = item(track, "track")
    if row.get("id") is None or row.get("is_local") is True:
        return None
    artists = [item(each, "artist").get("id") for each in items_of(row.get("artists"), "artists")]
    if artists and spotify_id not in artists:
        return None
    title = plain(needed(row, "name"))
    key = key_of(spotify_id, title)
    return RegisterSong(
        song_id=id_of(Kind.SONG, SOURCE, key),
        artist_id=artist_id,
        title=title,
        release=release,
        external_ids={SOURCE: key},
        source=SOURCE,
    )


def plain(title: str) -> str:
    """A title without what it says of the recording: "Ebb - Remastered 2011" is "Ebb"."""
    bare = _VERSION.sub("", title).strip()
    return bare or title
