// @ts-check
/**
 * The page of syncs: which partners are asked about what, how far they are, and what came of it; live.
 *
 * @module
 */
import { drawLive, lister, offer, renew, sayingAt, sender } from "./live-list.js";
import { button, factItems, make, tick } from "./making.js";
import { connectSignedIn, element } from "./page-state.js";
import { SCOPES, sourceText, syncText } from "./subjects.js";
import { actsOn, isUnderWay, quotaItem, refusalItem, restingRow, runningRow, factsOf } from "./syncs-rows.js";
/** @import { SyncActs } from "./syncs-rows.js" */

const SHOWN_MAX = 200;

/** What a partner's id for a thing looks like, for whoever types one. @type {Record<string, string>} */
const HINTS = {
  "setlistfm artist": "The artist's MusicBrainz id: 36 letters, digits and dashes.",
  "setlistfm setlist": "The end of the setlist's address: seven or eight letters and digits.",
  "ticketmaster artist": "The attraction's id in the Discovery API: it begins with K.",
  "spotify artist": "The end of the artist's address: 22 letters and digits.",
  "luma calendar": "The calendar's id: it begins with cal-.",
  "ics calendar": "The feed's name in BACKLINE_CATALOG_ICS_FEEDS.",
};

const client = connectSignedIn();

const say = sayingAt("syncs-said");
const send = sender(client, say);

/** @type {SyncActs} */
const acts = {
  start: (sync_id, afresh = false) => send("catalog.start-sync", { sync_id, afresh }),
  stop: (sync_id) => send("catalog.stop-sync", { sync_id }),
  open: (syncId) => show(syncId),
};

// ---------------------------------------------------------------------------------- the lists

const dialog = /** @type {HTMLDialogElement} */ (element("sync"));
/** The sync in the dialog, by its id. */
let shown = "";
/** When each sync is asked for next, by its schedules. @type {Map<string, string>} */
const nextOf = new Map();
/** @type {any} */
let syncs = { syncs: [], next: null };

const drawUnderWay = lister({ name: "under-way", keyOf: (sync) => sync.sync_id, rowOf: (sync) => runningRow(sync, acts) });
const drawOthers = lister({ name: "syncs", keyOf: (sync) => sync.sync_id, rowOf: (sync) => restingRow(sync, acts) });

function draw() {
  const found = syncs.syncs.map((/** @type {any} */ sync) => ({ ...sync, next_at: nextOf.get(sync.sync_id) ?? null }));
  drawUnderWay(found.filter(isUnderWay));
  drawOthers(
    found.filter((/** @type {any} */ sync) => !isUnderWay(sync)),
    syncs.next !== null,
  );
  if (shown !== "") drawShown();
}

drawLive(
  client,
  "catalog.list-syncs",
  { limit: SHOWN_MAX },
  (found) => {
    syncs = found;
    draw();
  },
  say,
);
drawLive(
  client,
  "scheduler.list-schedules",
  { job: "catalog.sync", limit: SHOWN_MAX },
  ({ schedules }) => {
    nextOf.clear();
    for (const { arguments: told, next_at } of schedules) {
      const before = nextOf.get(told.sync_id);
      if (next_at !== null && (before === undefined || next_at < before)) nextOf.set(told.sync_id, next_at);
    }
    draw();
  },
  say,
);
drawLive(
  client,
  "catalog.list-quotas",
  {},
  ({ quotas }) => element("quotas").replaceChildren(...quotas.map(quotaItem)),
  say,
);
setInterval(tick, 1000);

// ---------------------------------------------------------------------------------- one sync

/** Show a sync out of the list: one that was just asked for is in it a moment later. @param {string} syncId */
function show(syncId) {
  shown = syncId;
  drawShown();
  if (!dialog.open) dialog.showModal();
}

function drawShown() {
  const sync = syncs.syncs.find((/** @type {any} */ each) => each.sync_id === shown);
  const refusals = sync?.refusals ?? [];
  element("sync-heading").textContent = syncText(shown, sync?.name);
  element("sync-facts").replaceChildren(...(sync ? factItems(factsOf({ ...sync, next_at: nextOf.get(shown) ?? null })) : []));
  renew(element("sync-acts"), make("p", ...(sync ? actsInDialog(sync) : [])));
  element("sync-refusals").replaceChildren(...refusals.map(refusalItem));
  element("sync-refusals-none").toggleAttribute("hidden", refusals.length > 0);
}

/** @param {any} sync */
function actsInDialog(sync) {
  if (isUnderWay(sync)) return actsOn(sync, acts);
  return [...actsOn(sync, acts), button("Start afresh", () => acts.start(sync.sync_id, true))];
}

// ---------------------------------------------------------------------------------- asking a partner

const form = /** @type {HTMLFormElement} */ (element("start"));
const partner = /** @type {HTMLSelectElement} */ (form.elements.namedItem("partner"));
const scope = /** @type {HTMLSelectElement} */ (form.elements.namedItem("scope"));

function offerScopes() {
  offer(
    scope,
    (SCOPES[partner.value] ?? []).map((each) => [each, each]),
  );
  element("external-id-hint").textContent = HINTS[`${partner.value} ${scope.value}`] ?? "";
}

offer(
  partner,
  Object.keys(SCOPES).map((each) => [each, sourceText(each)]),
);
offerScopes();
form.addEventListener("change", offerScopes);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  const syncId = [partner.value, scope.value, fields.get("external_id")].join("-");
  if (await acts.start(syncId, fields.has("afresh"))) {
    form.reset();
    offerScopes();
    show(syncId);
  }
});
