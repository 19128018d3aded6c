// @ts-check
/**
 * Deliveries as rows, and what is told of one.
 *
 * @module
 */
import { factItems, make, opener, tag, WHEN } from "./making.js";

/**
 * What can be done from a row.
 *
 * @typedef {object} DeliveryActs
 * @property {(delivery: any, isChosen: boolean) => void} choose
 * @property {(deliveryId: string) => void} open
 */

/** @param {any} delivery @param {DeliveryActs} acts */
export function deliveryRow(delivery, acts) {
  const box = make("input");
  box.type = "checkbox";
  box.setAttribute("aria-label", `Choose ${delivery.event_type} of ${delivery.partner}`);
  box.addEventListener("change", () => acts.choose(delivery, box.checked));
  return make(
    "tr",
    make("td", box),
    make("td", WHEN.format(new Date(delivery.received_at))),
    make("td", `${delivery.partner}/${delivery.endpoint}`),
    make("td", opener(delivery.event_type || "something", () => acts.open(delivery.delivery_id))),
    make("td", tag(delivery.status), ...(delivery.code ? [make("br"), make("small", delivery.code)] : [])),
    make("td", String(delivery.attempts)),
  );
}

/** @param {any} delivery */
export function factsOf(delivery) {
  return factItems([
    ["Status", tag(delivery.status)],
    ["From", `${delivery.partner}/${delivery.endpoint} (${delivery.profile})`],
    ["Its id there", delivery.provider_id || "none: known by what was signed"],
    ["Its id here", delivery.delivery_id],
    ["Signature", `right, by secret ${delivery.secret_number}`],
    ["Signed", WHEN.format(new Date(delivery.sent_at))],
    ["Received", WHEN.format(new Date(delivery.received_at))],
    ["Size", `${delivery.body_bytes} bytes, ${delivery.content_type || "no type"}`],
    ["Trace", delivery.trace_id || "not traced"],
  ]);
}

/** @param {any} attempt */
export function attemptItem({ attempt, at, by, outcome, code, detail }) {
  const why = [code, detail].filter(Boolean).join(": ");
  const number = attempt > 0 ? `${attempt}. ` : "";
  return make("li", make("strong", `${number}${outcome}`), make("small", ` ${WHEN.format(new Date(at))}, by ${by} `), why);
}

/** @param {any} effect */
export function effectItem({ attempt, kind, partner_id, command, event, position }) {
  const outcome = event ? `${event} at ${position}` : "nothing new: something newer is known";
  return make("li", make("strong", `${kind} ${partner_id}`), make("small", ` attempt ${attempt} `), `${command} → ${outcome}`);
}
