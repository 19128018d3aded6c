// @ts-check
/**
 * What was done to a user, by whom and why, and the API keys they have.
 *
 * @module
 */
import { setText } from "./bind.js";
import { button, make, WHEN, withReason } from "./making.js";
import { element } from "./page-state.js";
/** @import { Client } from "../client/index.js" */
/** @import { SendCommand } from "./people.js" */

const WORDS = /** @type {Record<string, string>} */ ({
  "set-role": "Made",
  suspend: "Suspended",
  reinstate: "Reinstated",
  ban: "Banned",
  unban: "Unbanned",
  "end-sessions": "Signed out everywhere",
  impersonate: "Acted as",
  "end-impersonation": "Acted as no more",
  "revoke-key": "API key revoked",
  "reset-second-factor": "Second factor taken off",
});

/** What was shown before is let go of. */
let stop = () => {};

/**
 * @param {Client} client
 * @param {any} user
 * @param {(userId: string) => string} nameOf
 * @param {SendCommand} send
 */
export function showActs(client, user, nameOf, send) {
  stop();
  const about = { user_id: user.user_id };
  const acts = client.query("auth.list-acts", { ...about, limit: 100 }, { personal: true });
  const keys = client.query("auth.list-api-keys-of-user", about, { personal: true });
  const drawActs = () => {
    const rows = acts.getSnapshot().result?.acts ?? [];
    element("acts-list").replaceChildren(...rows.map((/** @type {any} */ act) => actRow(act, nameOf(act.actor))));
    element("acts-none").toggleAttribute("hidden", rows.length > 0);
  };
  const drawKeys = () => {
    const rows = keys.getSnapshot().result?.keys ?? [];
    element("keys-list").replaceChildren(...rows.map((/** @type {any} */ key) => keyRow(key, send)));
  };
  setText(element("acts-whom"), nameOf(user.user_id));
  element("acts").removeAttribute("hidden");
  const stops = [acts.subscribe(drawActs), keys.subscribe(drawKeys)];
  stop = () => stops.forEach((each) => each());
  drawActs();
  drawKeys();
}

/** @param {any} act @param {string} actor */
function actRow(act, actor) {
  const what = act.kind === "set-role" ? `${WORDS[act.kind]} ${act.detail}` : (WORDS[act.kind] ?? act.kind);
  const why = act.reason ? `: ${act.reason}` : "";
  return make("li", make("span", make("strong", what), why), make("small", ` ${WHEN.format(new Date(act.at))}, ${actor}`));
}

/** @param {any} key @param {SendCommand} send */
function keyRow(key, send) {
  const what = `${key.scopes.join(", ")}, until ${WHEN.format(new Date(key.expires_at))} `;
  const revoke = button("Revoke", () =>
    withReason((reason) => send("auth.revoke-api-key-of-user", { key_id: key.key_id, reason })),
  );
  return make("li", make("strong", key.name ?? "An API key"), make("small", ` ${what}`), revoke);
}
