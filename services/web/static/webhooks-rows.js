// @ts-check
/**
 * Webhooks and their messages as rows, and the words for them.
 *
 * @module
 */
import { button, make, moment, opener, tag, WHEN } from "./making.js";

/**
 * @typedef {object} WebhookActs
 * @property {(name: string, args: Record<string, unknown>) => Promise<unknown>} send
 * @property {(webhook: any) => Promise<unknown>} rotate
 * @property {(webhook: any) => void} change
 * @property {(webhook: any) => void} list
 * @property {(messageId: string) => void} open
 */

const STEP = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" });

/** Why messages are not sent. @type {Record<string, string>} */
const BECAUSE = {
  administrator: "by an administrator",
  failing: "it took nothing for five days",
  gone: "it says that it is gone",
};

/** What a webhook is called: its description, or else its address. @param {any} webhook */
export function webhookText({ description, url }) {
  return description || url;
}

/** @param {any} webhook @param {WebhookActs} acts */
export function webhookRow(webhook, acts) {
  const { webhook_id, url, description, topics, status } = webhook;
  const about = opener(webhookText(webhook), () => acts.list(webhook));
  about.id = `webhook-${webhook_id}`;
  const where = make("td", about);
  if (description) where.append(make("br"), make("small", url));
  where.append(make("br"), make("small", `since ${WHEN.format(new Date(webhook.registered_at))}`));
  const stands = make("td", tag(status));
  if (webhook.disabled_because !== null) stands.append(make("br"), make("small", BECAUSE[webhook.disabled_because] ?? webhook.disabled_because));
  if (webhook.failing_since !== null) stands.append(make("br"), tag("parked", "fails"), " since ", moment(webhook.failing_since));
  const send = (/** @type {string} */ name) => acts.send(`ingress.${name}`, { webhook_id });
  const acting = make("td", button("Messages", () => acts.list(webhook), about));
  if (status !== "removed") {
    acting.append(
      status === "enabled"
        ? button("Disable", () => send("disable-webhook"), about)
        : button("Enable", () => send("enable-webhook"), about),
      button("Change", () => acts.change(webhook), about),
      button("New secret", () => acts.rotate(webhook), about),
      button("Remove", () => removed(webhook, () => send("remove-webhook")), about),
    );
  }
  return make("tr", where, make("td", topics.join(", ")), stands, acting);
}

/** @param {any} webhook @param {() => unknown} act */
function removed(webhook, act) {
  return globalThis.confirm(`${webhookText(webhook)} is told nothing any more, and cannot be brought back. Go on?`) ? act() : null;
}

/** @param {any} message @param {WebhookActs} acts */
export function messageRow(message, acts) {
  const about = opener(message.topic, () => acts.open(message.message_id));
  about.id = `message-${message.message_id}`;
  const went = make("td", standing(message), make("br"), make("small", triedText(message)));
  if (message.next_at !== null) went.append(make("br"), "again ", moment(message.next_at));
  const acting = make("td", ...actsOn(message, acts, about));
  return make("tr", make("td", about, make("br"), make("small", message.message_id)), make("td", moment(message.occurred_at)), went, acting);
}

/** @param {any} message @param {WebhookActs} acts @param {HTMLElement} [about] */
export function actsOn({ message_id, status }, acts, about) {
  if (status === "waiting") return [];
  return [button("Send again", () => acts.send("ingress.resend-message", { message_id }), about)];
}

/** @param {any} message */
function standing({ status, attempts }) {
  if (status === "waiting") return tag(attempts > 0 ? "paused" : status, attempts > 0 ? "not taken yet" : "waiting");
  return status === "given-up" ? tag("parked", "given up") : tag("succeeded", status);
}

/** @param {any} message */
function triedText({ attempts, last_status, last_detail }) {
  const tried = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  return [tried, answerText(last_status, last_detail)].filter(Boolean).join(": ");
}

/** @param {number | null} status @param {string} detail */
function answerText(status, detail) {
  return detail || (status === null ? "" : `answered ${status}`);
}

/** One try, as it is shown. @param {any} attempt */
export function attemptItem({ attempt, began_at, ended_at, outcome, status, detail }) {
  const words = { taken: "taken", failed: "not taken", "given-up": "not taken, and given up" };
  const how = outcome === null ? "under way" : words[/** @type {keyof typeof words} */ (outcome)];
  const item = make("li", make("span", STEP.format(new Date(began_at))), make("strong", `${attempt}. ${how}`));
  const seconds = ended_at === null ? "" : `after ${((Date.parse(ended_at) - Date.parse(began_at)) / 1000).toFixed(1)} s`;
  item.append(make("small", [answerText(status, detail), seconds].filter(Boolean).join(", ")));
  return item;
}

/** @param {any} message @returns {[string, string | Node][]} */
export function factsOf(message) {
  /** @type {[string, string | Node][]} */
  const facts = [
    ["Stands", standing(message)],
    ["Happened", WHEN.format(new Date(message.occurred_at))],
    ["Id", message.message_id],
  ];
  if (message.next_at !== null) facts.push(["Again", moment(message.next_at)]);
  return facts;
}
