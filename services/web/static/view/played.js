// @ts-check
/**
 * What was played at a show, set by set. The twin of `queries/played.py`.
 *
 * @module
 */

export const UNKNOWN_SONG = "A song we do not know";

/** @param {any} ballot @returns {Map<string, string>} */
export function titlesOf(ballot) {
  return new Map(ballot.candidates.map((/** @type {any} */ { song_id, title }) => [song_id, title]));
}

/** @param {any} setlist @param {any} ballot */
export function playedSets(setlist, ballot) {
  // Whoever may still vote, or again, is not told: a replayed show would give itself away.
  if (ballot !== null && ballot.score === null) return [];
  const hits = new Set(ballot?.score?.hits ?? []);
  if (setlist !== null) {
    const { sets } = setlist;
    let number = 0;
    return sets.map((/** @type {any} */ set, /** @type {number} */ at) => ({
      key: String(at),
      name: set.name || (sets.length > 1 ? `Set ${at + 1}` : ""),
      songs: set.songs.map((/** @type {any} */ song) => playedRow(song, ++number, hits)),
    }));
  }
  if (!ballot?.played?.length) return [];
  const titles = titlesOf(ballot);
  const songs = ballot.played.map((/** @type {string} */ songId, /** @type {number} */ at) => ({
    number: String(at + 1),
    title: titles.get(songId) ?? UNKNOWN_SONG,
    aside: "",
    is_hit: hits.has(songId),
    leads_on: false,
  }));
  return [{ key: "0", name: "", songs }];
}

/** @param {any} song @param {number} number @param {Set<string>} hits */
function playedRow(song, number, hits) {
  const asides = [
    song.original_artist ? `${song.original_artist} song` : "",
    song.tape ? "from tape" : "",
    song.note || "",
  ];
  return {
    number: String(number),
    title: song.title || UNKNOWN_SONG,
    aside: asides.filter(Boolean).join(" · "),
    is_hit: hits.has(song.song_id),
    leads_on: song.segue,
  };
}
