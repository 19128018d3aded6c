// @ts-check
/**
 * What jobs and syncs are about, in words: their arguments hold ids, people know names.
 *
 * @module
 */
import { Problem } from "../client/index.js";
import { make } from "./making.js";
import { artistText, dayText, placeText } from "./view/wording.js";
/** @import { Client } from "../client/index.js" */

/** What sources call themselves. @type {Record<string, string>} */
const SOURCES = {
  setlistfm: "setlist.fm",
  ticketmaster: "Ticketmaster",
  spotify: "Spotify",
  luma: "Luma",
  ics: "iCalendar",
  musicbrainz: "MusicBrainz",
  gdshowsdb: "gdshowsdb",
  people: "A person here",
};

/** What partners can be asked about. @type {Record<string, string[]>} */
export const SCOPES = {
  setlistfm: ["artist", "setlist"],
  ticketmaster: ["artist"],
  spotify: ["artist"],
  luma: ["calendar"],
  ics: ["calendar"],
};

/** @param {string} source */
export function sourceText(source) {
  return SOURCES[source] ?? source;
}

/**
 * A sync by what it is about: `setlist.fm, artist Grateful Dead`.
 *
 * @param {string} syncId
 * @param {string | null} [name] of the artist or the show, when it is known
 */
export function syncText(syncId, name = null) {
  const [partner = "", scope = "", ...rest] = syncId.split("-");
  return `${sourceText(partner)}, ${scope} ${name ?? rest.join("-")}`;
}

/** @param {any} show */
export function showText(show) {
  return [artistText(show), dayText(show.local_date), placeText(show)].filter(Boolean).join(", ");
}

/**
 * Arguments in words, without looking anything up: `{}` is nothing to say.
 *
 * @param {Record<string, unknown>} told
 */
export function plainWords(told) {
  const words = (/** @type {string} */ name, /** @type {unknown} */ value) => {
    if (name === "sync_id") return syncText(String(value));
    return `${name.replaceAll("_", " ")} ${typeof value === "string" ? value : JSON.stringify(value)}`;
  };
  return Object.entries(told)
    .map(([name, value]) => words(name, value))
    .join("; ");
}

/** Names that are being looked up, by what for. @type {Map<string, Promise<string | null>>} */
const asked = new Map();
/** Those that are known. @type {Map<string, string>} */
const known = new Map();

/**
 * What a job is about: in plain words at once, and by its name as soon as that is known.
 *
 * @param {Client} client
 * @param {Record<string, unknown>} told
 * @returns {HTMLElement}
 */
export function subjectOf(client, told) {
  const key = JSON.stringify(told);
  const place = make("span", known.get(key) ?? plainWords(told));
  place.className = "subject";
  if (known.has(key)) return place;
  if (!asked.has(key)) asked.set(key, nameOf(client, told));
  void asked.get(key)?.then((name) => {
    asked.delete(key);
    if (name === null) return;
    known.set(key, name);
    place.textContent = name;
  });
  return place;
}

/**
 * @param {Client} client
 * @param {Record<string, unknown>} told
 * @returns {Promise<string | null>} null when there is none, or nobody may or can say: then ids are shown
 */
async function nameOf(client, { sync_id, show_id }) {
  try {
    if (typeof sync_id === "string") return syncText(sync_id, (await client.ask("catalog.get-sync", { sync_id })).name);
    if (typeof show_id === "string") return showText((await client.ask("catalog.get-show", { show_id })).show);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
  return null;
}
