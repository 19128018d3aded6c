// @ts-check
/**
 * Webhooks that partners have sent, for administrators: watched, looked into, processed again.
 *
 * @module
 */
import { Problem } from "../client/index.js";
import { setText } from "./bind.js";
import { element } from "./page-state.js";
import { button, make, WHEN } from "./making.js";
/** @import { Client } from "../client/index.js" */
/** @import { SendCommand } from "./people.js" */

/** @param {HTMLElement} body @param {Client} client @param {SendCommand} command */
export function showDeliveries(body, client, command) {
  const said = element("deliveries-said");
  const search = /** @type {HTMLFormElement} */ (element("deliveries-search"));
  const replayChosen = /** @type {HTMLButtonElement} */ (element("replay-chosen"));
  /** The inbox of each chosen delivery, by its id. @type {Map<string, string>} */
  const chosen = new Map();
  let stopListing = () => {};
  let stopShowing = () => {};

  /** @param {string} text */
  const say = (text) => {
    setText(said, text);
    said.toggleAttribute("hidden", text === "");
  };
  /** @param {string} name @param {Record<string, unknown>} args */
  const send = (name, args) =>
    command(name, args).then(
      () => true,
      (error) => {
        say(Problem.from(error).title);
        return false;
      },
    );
  /** @param {any} delivery @param {boolean} isChosen */
  const choose = ({ delivery_id, inbox_id }, isChosen) => {
    if (isChosen) chosen.set(delivery_id, inbox_id);
    else chosen.delete(delivery_id);
    replayChosen.disabled = chosen.size === 0;
  };

  /** @param {string} deliveryId */
  const show = (deliveryId) => {
    stopShowing();
    const shown = client.query("ingress.get-delivery", { delivery_id: deliveryId }, { personal: true });
    const draw = () => {
      const { result, problem } = shown.getSnapshot();
      if (problem) say(problem.title);
      if (result) drawDelivery(result, send);
    };
    stopShowing = shown.subscribe(draw);
    draw();
    const section = element("delivery");
    section.removeAttribute("hidden");
    section.focus();
  };

  const list = () => {
    stopListing();
    const wanted = Object.fromEntries([...new FormData(search)].filter(([, value]) => value !== ""));
    const listed = client.query("ingress.list-deliveries", { limit: 100, ...wanted }, { personal: true });
    const draw = () => {
      const { result, problem } = listed.getSnapshot();
      if (problem) say(problem.title);
      const rows = (result?.deliveries ?? []).map((/** @type {any} */ delivery) =>
        deliveryRow(delivery, chosen.has(delivery.delivery_id), (isChosen) => choose(delivery, isChosen), show),
      );
      body.replaceChildren(...rows);
    };
    stopListing = listed.subscribe(draw);
    draw();
  };

  replayChosen.addEventListener("click", async () => {
    replayChosen.disabled = true;
    let done = 0;
    for (const [delivery_id, inbox_id] of chosen) {
      if (await send("ingress.replay-delivery", { inbox_id, delivery_id })) done += 1;
    }
    const all = chosen.size;
    chosen.clear();
    list();
    say(`Processed again: ${done} of ${all}.`);
  });
  search.addEventListener("input", () => {
    if (search.checkValidity()) list();
  });
  search.addEventListener("submit", (event) => event.preventDefault());
  list();
}

/** @param {any} delivery @param {boolean} isChosen @param {(isChosen: boolean) => void} choose @param {(id: string) => void} show */
function deliveryRow(delivery, isChosen, choose, show) {
  const box = make("input");
  box.type = "checkbox";
  box.checked = isChosen;
  box.setAttribute("aria-label", `Choose ${delivery.event_type} of ${delivery.partner}`);
  box.addEventListener("change", () => choose(box.checked));
  const about = button(delivery.event_type || "something", () => show(delivery.delivery_id));
  return make(
    "tr",
    make("td", box),
    make("td", WHEN.format(new Date(delivery.received_at))),
    make("td", `${delivery.partner}/${delivery.endpoint}`),
    make("td", about),
    make("td", delivery.status, ...(delivery.code ? [make("br"), make("small", delivery.code)] : [])),
    make("td", String(delivery.attempts)),
  );
}

/** @param {any} delivery @param {(name: string, args: Record<string, unknown>) => unknown} send */
function drawDelivery(delivery, send) {
  const about = { inbox_id: delivery.inbox_id, delivery_id: delivery.delivery_id };
  setText(element("delivery-heading"), delivery.event_type || "A delivery");
  element("delivery-facts").replaceChildren(
    ...[
      ["Status", delivery.status],
      ["From", `${delivery.partner}/${delivery.endpoint} (${delivery.profile})`],
      ["Its id there", delivery.provider_id || "none: known by what was signed"],
      ["Its id here", delivery.delivery_id],
      ["Signature", `right, by secret ${delivery.secret_number}`],
      ["Signed", WHEN.format(new Date(delivery.sent_at))],
      ["Received", WHEN.format(new Date(delivery.received_at))],
      ["Size", `${delivery.body_bytes} bytes, ${delivery.content_type || "no type"}`],
      ["Trace", delivery.trace_id || "not traced"],
    ].flatMap(([name, value]) => [make("dt", String(name)), make("dd", String(value))]),
  );
  const acts = [button("Replay", () => send("ingress.replay-delivery", about))];
  if (delivery.status === "parked") {
    acts.push(
      button("Discard", () => {
        const reason = globalThis.prompt("Why? It is recorded, with your name.");
        if (reason) send("ingress.discard-delivery", { ...about, reason });
      }),
    );
  }
  element("delivery-acts").replaceChildren(...acts);
  element("delivery-attempts").replaceChildren(...listOr(delivery.attempts, "Not yet.", attemptRow));
  element("delivery-effects").replaceChildren(...listOr(delivery.effects, "Nothing.", effectRow));
  setText(element("delivery-body"), delivery.body ?? "It is no longer kept.");
}

/** @param {any[]} found @param {string} otherwise @param {(each: any) => HTMLElement} row */
function listOr(found, otherwise, row) {
  return found.length > 0 ? found.map(row) : [make("li", otherwise)];
}

/** @param {any} attempt */
function attemptRow({ attempt, at, by, outcome, code, detail }) {
  const why = [code, detail].filter(Boolean).join(": ");
  const number = attempt > 0 ? `${attempt}. ` : "";
  return make("li", make("strong", `${number}${outcome}`), make("small", ` ${WHEN.format(new Date(at))}, by ${by} `), why);
}

/** @param {any} effect */
function effectRow({ attempt, kind, partner_id, command, event, position }) {
  const outcome = event ? `${event} at ${position}` : "nothing new: something newer is known";
  return make("li", make("strong", `${kind} ${partner_id}`), make("small", ` attempt ${attempt} `), `${command} → ${outcome}`);
}
