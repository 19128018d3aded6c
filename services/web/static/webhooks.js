// @ts-check
/**
 * The page of our own webhooks: who is told of what, and whether they take it; live.
 *
 * @module
 */
import { drawLive, fillList, lister, sayingAt, sender } from "./live-list.js";
import { factItems, tick } from "./making.js";
import { connectSignedIn, element } from "./page-state.js";
import { actsOn, attemptItem, factsOf, messageRow, webhookRow, webhookText } from "./webhooks-rows.js";
/** @import { WebhookActs } from "./webhooks-rows.js" */

const SHOWN_MAX = 100;

const client = connectSignedIn();

const say = sayingAt("webhooks-said");
const sayInMessage = sayingAt("message-said");
const dialog = /** @type {HTMLDialogElement} */ (element("message"));
const send = sender(client, (text) => (dialog.open ? sayInMessage : say)(text));

/** @type {WebhookActs} */
const acts = {
  send,
  rotate: async (webhook) => {
    const question = `Messages are signed with a new secret, and for a day with the old one as well. Make one for ${webhookText(webhook)}?`;
    if (!globalThis.confirm(question)) return;
    const made = await send("ingress.rotate-webhook-secret", { webhook_id: webhook.webhook_id });
    if (made !== null) showSecret(made, webhookText(webhook));
  },
  change: (webhook) => beginChange(webhook),
  list: (webhook) => listMessages(webhook),
  open: (messageId) => showMessage(messageId),
};

const drawWebhooks = lister({ name: "webhooks", keyOf: (webhook) => webhook.webhook_id, rowOf: (webhook) => webhookRow(webhook, acts) });
drawLive(client, "ingress.list-webhooks", {}, ({ webhooks }) => drawWebhooks(webhooks), say);
setInterval(tick, 1000);

// ---------------------------------------------------------------------------------- secrets

const secret = element("secret");

/** @param {{secret: string | null}} made @param {string} whose */
function showSecret(made, whose) {
  if (made.secret === null) return;
  element("secret-whose").textContent = whose;
  element("secret-text").textContent = made.secret;
  secret.removeAttribute("hidden");
  secret.focus();
}

element("secret-done").addEventListener("click", () => {
  element("secret-text").textContent = "";
  secret.setAttribute("hidden", "");
});
element("secret-copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(element("secret-text").textContent ?? "");
    say("");
  } catch {
    say("The browser does not let this page copy: select it and copy it yourself.");
  }
});

// ---------------------------------------------------------------------------------- who is told

const form = /** @type {HTMLFormElement} */ (element("register"));
/** The webhook that is being changed; null while a new one is registered. @type {any} */
let changed = null;

/** @param {any} webhook null for a new one */
function fill(webhook) {
  changed = webhook;
  form.reset();
  for (const [name, value] of Object.entries({ url: webhook?.url ?? "", description: webhook?.description ?? "" })) {
    /** @type {HTMLInputElement} */ (form.elements.namedItem(name)).value = value;
  }
  for (const box of form.querySelectorAll("input[type=checkbox]")) {
    /** @type {HTMLInputElement} */ (box).checked = webhook?.topics.includes(box.getAttribute("value")) ?? false;
  }
  element("register-heading").textContent = webhook === null ? "Tell another" : `Change ${webhookText(webhook)}`;
  element("register-submit").textContent = webhook === null ? "Register it" : "Change it";
  element("register-leave").toggleAttribute("hidden", webhook === null);
}

/** @param {any} webhook */
function beginChange(webhook) {
  fill(webhook);
  /** @type {HTMLInputElement} */ (form.elements.namedItem("url")).focus();
}

element("register-leave").addEventListener("click", () => fill(null));
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  const told = { url: fields.get("url"), description: fields.get("description"), topics: fields.getAll("topics") };
  if (told.topics.length === 0) {
    say("Choose what it is to be told of.");
    return;
  }
  const made =
    changed === null
      ? await send("ingress.register-webhook", told)
      : await send("ingress.change-webhook", { webhook_id: changed.webhook_id, ...told });
  if (made === null) return;
  fill(null);
  showSecret(made, String(told.description || told.url));
});

// ---------------------------------------------------------------------------------- what was told

const filter = /** @type {HTMLFormElement} */ (element("messages-filter"));
const drawMessages = lister({ name: "messages", keyOf: (message) => message.message_id, rowOf: (message) => messageRow(message, acts) });
let stopListing = () => {};
/** @type {any} */
let listed = null;

/** @param {any} webhook */
function listMessages(webhook) {
  listed = webhook;
  element("messages-whom").textContent = webhookText(webhook);
  const section = element("messages-section");
  section.removeAttribute("hidden");
  section.focus();
  followMessages();
}

function followMessages() {
  stopListing();
  const status = new FormData(filter).get("status");
  const args = { webhook_id: listed.webhook_id, limit: SHOWN_MAX, ...(status && { status }) };
  const draw = (/** @type {any} */ { messages }) => drawMessages(messages, messages.length === SHOWN_MAX);
  stopListing = drawLive(client, "ingress.list-messages", args, draw, say);
}

filter.addEventListener("change", followMessages);
filter.addEventListener("submit", (event) => event.preventDefault());

// ---------------------------------------------------------------------------------- one message

let stopShowing = () => {};
dialog.addEventListener("close", () => stopShowing());

/** @param {string} messageId */
function showMessage(messageId) {
  stopShowing();
  sayInMessage("");
  const draw = (/** @type {any} */ { message, data, attempts }) => {
    element("message-heading").textContent = message.topic;
    element("message-facts").replaceChildren(...factItems(factsOf(message)));
    element("message-acts").replaceChildren(...actsOn(message, acts));
    fillList("attempts", attempts.map(attemptItem));
    element("message-data").textContent = JSON.stringify(data, null, 2);
  };
  stopShowing = drawLive(client, "ingress.get-message", { message_id: messageId }, draw, sayInMessage);
  if (!dialog.open) dialog.showModal();
}
