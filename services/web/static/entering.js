// @ts-check
/**
 * Ways in that need two steps: passkeys, wallets, providers, and the code of a second factor.
 *
 * @module
 */
import { newKey, Problem } from "../client/index.js";
import { confirmed } from "./confirm.js";
import { hasPasskeys, makePasskey, showPasskey } from "./passkeys.js";
import { button } from "./making.js";
import { hasWallet, signWithWallet } from "./wallet.js";
import { openSession } from "./who.js";
/** @import { Client, Credentials } from "../client/index.js" */

const STORED_AS = "backline.provider";

/**
 * Send the browser to a provider. It comes back to /callback/<provider>.
 *
 * @param {Client} client
 * @param {string} provider
 * @param {"sign-in" | "link"} purpose
 * @returns {Promise<string>}
 */
export async function beginProvider(client, provider, purpose) {
  const { url, ...begun } = await client.command("auth.begin-provider", { provider }, { key: newKey() });
  sessionStorage.setItem(STORED_AS, JSON.stringify({ ...begun, purpose }));
  location.assign(url);
  return "One moment.";
}

/**
 * Go on after a provider has sent the browser back.
 *
 * @param {Client} client
 * @param {URLSearchParams} parameters
 * @returns {Promise<Credentials | null>} null when something was linked
 */
export async function finishProvider(client, parameters) {
  const begun = JSON.parse(sessionStorage.getItem(STORED_AS) ?? "null");
  sessionStorage.removeItem(STORED_AS);
  if (begun === null) throw new Problem({ code: "web.not-begun", title: "This was not begun here; try again." });
  const { challenge_id, ticket } = begun;
  const answer = { ticket, parameters: Object.fromEntries(parameters) };
  if (begun.purpose === "sign-in") return openSession("provider", { challenge_id, ...answer });
  await confirmed(client, "auth.link-provider", answer);
  return null;
}

/**
 * Buttons for the ways in that this browser and this installation have.
 *
 * @param {HTMLElement} place
 * @param {Client} client
 * @param {(opening: () => Promise<Credentials>) => void} enter
 */
export function offerWays(place, client, enter) {
  const isNew = place.dataset.ways === "sign-up";
  if (hasPasskeys()) {
    place.append(
      button(isNew ? "Make a passkey" : "Sign in with a passkey", () =>
        enter(async () => {
          if (isNew) {
            await client.session.signInAsGuest();
            await client.command("auth.add-passkey", await makePasskey(client), { key: newKey() });
          }
          return openSession("passkey", await showPasskey(client));
        }),
      ),
    );
  }
  if (hasWallet()) {
    place.append(
      button("Continue with a wallet", () => enter(async () => openSession("wallet", await signWithWallet(client)))),
    );
  }
  void client.ask("auth.get-sign-in-options", {}).then(({ providers }) => {
    for (const { name, title } of providers) {
      const go = async () => {
        await beginProvider(client, name, "sign-in");
        return new Promise(() => {}); // The page is about to go.
      };
      place.append(button(`Continue with ${title}`, () => enter(/** @type {() => Promise<any>} */ (go))));
    }
  });
}
