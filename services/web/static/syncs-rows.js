// @ts-check
/**
 * Syncs as rows, and the words for how they stand.
 *
 * @module
 */
import { button, make, moment, opener, tag, WHEN } from "./making.js";
import { sourceText, syncText } from "./subjects.js";

/**
 * @typedef {object} SyncActs
 * @property {(syncId: string, afresh?: boolean) => Promise<unknown>} start
 * @property {(syncId: string) => Promise<unknown>} stop
 * @property {(syncId: string) => void} open
 */

/** A worker is at it, or will be by itself. @param {any} sync */
export function isUnderWay({ status }) {
  return status === "requested" || status === "running" || status === "waiting";
}

/** @param {any} sync @param {SyncActs} acts @returns {[HTMLElement, HTMLElement]} the cell, and what it is about */
function aboutCell(sync, acts) {
  const about = opener(syncText(sync.sync_id, sync.name), () => acts.open(sync.sync_id));
  about.id = `about-${sync.sync_id}`;
  return [make("td", about, make("br"), make("small", sync.external_id)), about];
}

/** What can be done to a sync as it stands. @param {any} sync @param {SyncActs} acts @param {HTMLElement} [about] */
export function actsOn(sync, acts, about) {
  const stop = button("Stop", () => acts.stop(sync.sync_id), about);
  const start = button("Start", () => acts.start(sync.sync_id), about);
  if (sync.status === "waiting") return [start, stop];
  return isUnderWay(sync) ? [stop] : [start];
}

/** @param {any} sync @param {SyncActs} acts */
export function runningRow(sync, acts) {
  const [named, about] = aboutCell(sync, acts);
  const progress = make("td", standing(sync));
  if (sync.status === "running") {
    const bar = make("progress");
    bar.setAttribute("aria-label", `Progress of ${about.textContent}`);
    if (sync.of) {
      bar.max = sync.of;
      bar.value = Math.min(sync.pages, sync.of);
    }
    progress.append(bar);
  }
  progress.append(make("small", pagesText(sync)));
  if (sync.reason !== null) progress.append(make("br"), make("small", sync.reason));
  if (sync.retry_at !== null) progress.append(make("br"), "goes on ", moment(sync.retry_at));
  return make("tr", named, progress, foundCell(sync), make("td", ...actsOn(sync, acts, about)));
}

/** @param {any} sync @param {SyncActs} acts */
export function restingRow(sync, acts) {
  const [named, about] = aboutCell(sync, acts);
  const stands = make("td", standing(sync), " ");
  if (sync.ended_at !== null) stands.append(moment(sync.ended_at));
  if (sync.reason !== null) stands.append(make("br"), make("small", sync.reason));
  const next = sync.next_at === null ? make("td", "when asked") : make("td", moment(sync.next_at));
  return make("tr", named, stands, foundCell(sync), next, make("td", ...actsOn(sync, acts, about)));
}

/** @param {any} sync */
function standing({ status }) {
  return tag(status, status === "requested" ? "asked for" : status);
}

/** @param {any} sync */
function pagesText({ pages, of }) {
  return `${pages}${of ? ` of ${of}` : ""} ${pages === 1 && !of ? "page" : "pages"}`;
}

/** What a run has found, in words; what stays as it is comes last. @param {any} sync */
function foundText(sync) {
  const counts = ["new", "changed", "missing", "unchanged"].filter((name) => sync[name] > 0);
  return counts.map((name) => `${sync[name]} ${name}`).join(", ") || "nothing yet";
}

/** @param {any} sync */
function foundCell(sync) {
  const found = make("td", foundText(sync));
  if (sync.refused > 0) found.append(make("br"), tag("parked", `${sync.refused} refused`));
  return found;
}

/** @param {any} sync @returns {[string, string | Node][]} */
export function factsOf(sync) {
  /** @type {[string, string | Node | null][]} */
  const facts = [
    ["Stands", standing(sync)],
    ["Why", sync.reason],
    ["Partner", sourceText(sync.partner)],
    [`Its ${sync.scope}`, sync.external_id],
    ["Read", pagesText(sync)],
    ["Goes on at", sync.cursor],
    ["Found", foundText(sync)],
    ["Refused", String(sync.refused)],
    ["Asked for", when(sync.requested_at)],
    ["Begun", when(sync.began_at)],
    ["Ended", when(sync.ended_at)],
    ["Goes on", when(sync.retry_at)],
    ["Next", when(sync.next_at)],
    ["Id here", sync.sync_id],
  ];
  return /** @type {[string, string | Node][]} */ (facts.filter(([, value]) => value !== null));
}

/** @param {string | null} at */
function when(at) {
  return at === null ? null : WHEN.format(new Date(at));
}

/** Something that could not be taken: what, where, and why. @param {any} refusal */
export function refusalItem({ what, where, reason }) {
  return make("li", make("strong", what), ` ${reason}`, make("small", where));
}

/** What is left of a partner's day, which begins at midnight UTC. @param {any} quota */
export function quotaItem({ partner, day, taken: counted, limit, closed_until }) {
  const taken = day === new Date().toISOString().slice(0, 10) ? counted : 0;
  const left = limit === null ? taken : Math.max(0, limit - taken);
  const words = limit === null ? "asked today at" : `of ${limit.toLocaleString("en")} left at`;
  const item = make("div", make("dt", `${words} ${sourceText(partner)}`), make("dd", left.toLocaleString("en")));
  const isClosed = closed_until !== null && Date.parse(closed_until) > Date.now();
  if (limit !== null) item.toggleAttribute("data-alarm", true);
  item.toggleAttribute("data-some", isClosed || (limit !== null && left === 0));
  if (isClosed) item.querySelector("dt")?.append(", says no until ", WHEN.format(new Date(closed_until)));
  return item;
}
