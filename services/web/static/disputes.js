// @ts-check
/**
 * The page of disputes: where sources contradict each other, who is right, and records that are one thing or two.
 *
 * @module
 */
import { disputeItem, keyOf } from "./disputes-rows.js";
import { drawLive, lister, sayingAt, sender } from "./live-list.js";
import { button, make, tick } from "./making.js";
import { connectSignedIn, element } from "./page-state.js";
import { recordDialog } from "./record.js";
import { showText } from "./subjects.js";
/** @import { RecordActs } from "./disputes-rows.js" */

const SHOWN_MAX = 200;
const SHOWS_MAX = 100;

const client = connectSignedIn();

const say = sayingAt("disputes-said");
const sayInRecord = sayingAt("record-said");
/** What goes wrong is said where somebody looks. @param {string} text */
function sayWhereSeen(text) {
  const isOpen = /** @type {HTMLDialogElement} */ (element("record")).open;
  (isOpen ? sayInRecord : say)(text);
}
const send = sender(client, sayWhereSeen);

/** @type {RecordActs} */
const acts = {
  settle: (kind, recordId, field, source) => send(`catalog.settle-${kind}`, { [keyOf(kind)]: recordId, field, source }),
  open: (kind, recordId) => openRecord(kind, recordId),
};
const openRecord = recordDialog(client, send, acts);

// ---------------------------------------------------------------------------------- disputes

const filter = /** @type {HTMLFormElement} */ (element("filter"));
const drawDisputes = lister({
  name: "disputes",
  keyOf: ({ kind, record_id, field }) => `${kind} ${record_id} ${field}`,
  rowOf: (dispute) => disputeItem(dispute, acts),
});
let stopListing = () => {};

function listDisputes() {
  stopListing();
  const kind = new FormData(filter).get("kind");
  const args = { limit: SHOWN_MAX, ...(kind && { kind }) };
  stopListing = drawLive(client, "catalog.list-disputes", args, ({ disputes, next }) => drawDisputes(disputes, next !== null), say);
}

filter.addEventListener("change", listDisputes);
filter.addEventListener("submit", (event) => event.preventDefault());
listDisputes();
setInterval(tick, 1000);

// ---------------------------------------------------------------------------------- any record

const find = /** @type {HTMLFormElement} */ (element("find"));
const drawHits = lister({ name: "hits", keyOf: ({ kind, id }) => `${kind} ${id}`, rowOf: hitItem });
let stopFinding = () => {};

/** @param {any} hit */
function hitItem({ kind, id, name, of }) {
  const item = make("li", button(name, () => openRecord(kind, id)), make("small", [kind, of].filter(Boolean).join(", ")));
  if (kind === "artist") item.append(" ", button("Shows", () => listShows(id), name));
  return item;
}

/** @param {string} artistId */
function listShows(artistId) {
  stopFinding();
  const draw = (/** @type {any} */ { shows, next }) =>
    drawHits(
      shows.map((/** @type {any} */ show) => ({ kind: "show", id: show.show_id, name: showText(show), of: null })),
      next !== null,
    );
  stopFinding = drawLive(client, "catalog.list-shows", { artist_id: artistId, limit: SHOWS_MAX }, draw, say);
}

find.addEventListener("input", () => {
  stopFinding();
  const text = String(new FormData(find).get("text") ?? "").trim();
  if (text === "") {
    drawHits([]);
    element("hits-empty").toggleAttribute("hidden", true);
    return;
  }
  stopFinding = drawLive(client, "catalog.search", { text }, ({ hits }) => drawHits(hits), say);
});
find.addEventListener("submit", (event) => event.preventDefault());
