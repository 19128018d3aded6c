// @ts-check
/**
 * One's own API keys: made for another system, shown once, revoked.
 *
 * @module
 */
import { newKey, Problem } from "../client/index.js";
import { setText } from "./bind.js";
import { confirmed } from "./confirm.js";
import { button, make, WHEN } from "./making.js";
import { element } from "./page-state.js";
/** @import { Client } from "../client/index.js" */

const DAY_MS = 24 * 60 * 60 * 1000;

/** @param {Client} client */
export function showKeys(client) {
  const list = element("keys");
  const said = element("keys-said");
  const form = /** @type {HTMLFormElement} */ (element("new-key"));
  const made = element("made-key");
  /** @param {() => Promise<string>} act */
  const attempt = async (act) => {
    try {
      setText(said, await act());
      said.classList.remove("said-trouble");
    } catch (error) {
      setText(said, Problem.from(error).title);
      said.classList.add("said-trouble");
    }
    said.hidden = false;
  };
  /** @param {any} key */
  const row = (key) => {
    const about = ` ${key.scopes.join(", ")}, until ${WHEN.format(new Date(key.expires_at))} `;
    const revoke = async () => {
      await client.command("auth.revoke-api-key", { key_id: key.key_id }, { key: newKey() });
      return "It is revoked: its connections are closed.";
    };
    return make(
      "li",
      make("strong", key.name ?? "An API key"),
      make("small", about),
      button("Revoke", () => attempt(revoke)),
    );
  };
  const mine = client.query("auth.list-api-keys", {}, { personal: true });
  mine.subscribe(() => {
    list.replaceChildren(...(mine.getSnapshot().result?.keys ?? []).map(row));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form));
    const args = {
      name: fields.name,
      scopes: String(fields.scopes).split(/[\s,]+/).filter(Boolean),
      expires_at: new Date(Date.now() + Number(fields.days) * DAY_MS).toISOString(),
    };
    void attempt(async () => {
      const { key } = await confirmed(client, "auth.create-api-key", args);
      setText(made, key);
      made.hidden = false;
      form.reset();
      return "Here it is. It is shown this once.";
    });
  });
}
