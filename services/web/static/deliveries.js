// @ts-check
/**
 * The page of deliveries: what partners have sent, watched, looked into, processed again; live.
 *
 * @module
 */
import { setText } from "./bind.js";
import { attemptItem, deliveryRow, effectItem, factsOf } from "./deliveries-rows.js";
import { drawLive, fillList, lister, sayingAt, sender } from "./live-list.js";
import { button, withReason } from "./making.js";
import { connectSignedIn, element } from "./page-state.js";

const SHOWN_MAX = 200;

const client = connectSignedIn();

const say = sayingAt("deliveries-said");
const send = sender(client, say);

// ---------------------------------------------------------------------------------- the list

const search = /** @type {HTMLFormElement} */ (element("deliveries-search"));
const drawDeliveries = lister({
  name: "deliveries",
  keyOf: ({ delivery_id }) => delivery_id,
  rowOf: (delivery) => deliveryRow(delivery, { choose, open: show }),
});
let stopListing = () => {};

function list() {
  stopListing();
  const wanted = Object.fromEntries([...new FormData(search)].filter(([, value]) => value !== ""));
  const args = { limit: SHOWN_MAX, ...wanted };
  stopListing = drawLive(client, "ingress.list-deliveries", args, ({ deliveries, next }) => drawDeliveries(deliveries, next !== null), say);
}

search.addEventListener("input", () => {
  if (search.checkValidity()) list();
});
search.addEventListener("submit", (event) => event.preventDefault());
list();

// ---------------------------------------------------------------------------------- those that are chosen

const replayChosen = /** @type {HTMLButtonElement} */ (element("replay-chosen"));
/** The inbox of each chosen delivery, by its id. @type {Map<string, string>} */
const chosen = new Map();

/** @param {any} delivery @param {boolean} isChosen */
function choose({ delivery_id, inbox_id }, isChosen) {
  if (isChosen) chosen.set(delivery_id, inbox_id);
  else chosen.delete(delivery_id);
  replayChosen.disabled = chosen.size === 0;
}

function chooseNone() {
  chosen.clear();
  replayChosen.disabled = true;
  for (const box of element("deliveries").querySelectorAll("input")) box.checked = false;
}

replayChosen.addEventListener("click", async () => {
  replayChosen.disabled = true;
  const all = [...chosen];
  let done = 0;
  for (const [delivery_id, inbox_id] of all) {
    if (await send("ingress.replay-delivery", { inbox_id, delivery_id })) done += 1;
  }
  chooseNone();
  say(`Processed again: ${done} of ${all.length}.`);
});

// ---------------------------------------------------------------------------------- one delivery

let stopShowing = () => {};

/** @param {string} deliveryId */
function show(deliveryId) {
  stopShowing();
  stopShowing = drawLive(client, "ingress.get-delivery", { delivery_id: deliveryId }, draw, say);
  const section = element("delivery");
  section.removeAttribute("hidden");
  section.focus();
}

/** @param {any} delivery */
function draw(delivery) {
  const about = { inbox_id: delivery.inbox_id, delivery_id: delivery.delivery_id };
  const discard = () => withReason((reason) => send("ingress.discard-delivery", { ...about, reason }));
  setText(element("delivery-heading"), delivery.event_type || "A delivery");
  element("delivery-facts").replaceChildren(...factsOf(delivery));
  element("delivery-acts").replaceChildren(
    button("Replay", () => send("ingress.replay-delivery", about)),
    ...(delivery.status === "parked" ? [button("Discard", discard)] : []),
  );
  fillList("delivery-attempts", delivery.attempts.map(attemptItem));
  fillList("delivery-effects", delivery.effects.map(effectItem));
  setText(element("delivery-body"), delivery.body ?? "It is no longer kept.");
}
