// @ts-check
/**
 * Passkeys, as browsers make and show them.
 *
 * @module
 */
import { newKey, Problem } from "../client/index.js";
/** @import { Client } from "../client/index.js" */

/** Whether this browser knows of them. */
export const hasPasskeys = () =>
  typeof PublicKeyCredential !== "undefined" && "parseRequestOptionsFromJSON" in PublicKeyCredential;

/**
 * Show any passkey of this place.
 *
 * @param {Client} client
 * @returns {Promise<{challenge_id: string, ticket: string, credential: unknown}>}
 */
export async function showPasskey(client) {
  const { challenge_id, ticket, options } = await client.command("auth.begin-passkey-sign-in", {}, { key: newKey() });
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return { challenge_id, ticket, credential: await answered(navigator.credentials.get({ publicKey })) };
}

/**
 * Make one for whoever is signed in, be it as a guest.
 *
 * @param {Client} client
 * @returns {Promise<{ticket: string, credential: unknown}>}
 */
export async function makePasskey(client) {
  const { ticket, options } = await client.command("auth.begin-passkey", {}, { key: newKey() });
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return { ticket, credential: await answered(navigator.credentials.create({ publicKey })) };
}

/** @param {Promise<Credential | null>} asking */
async function answered(asking) {
  try {
    const credential = /** @type {PublicKeyCredential | null} */ (await asking);
    if (credential !== null) return credential.toJSON();
  } catch (error) {
    if (error instanceof DOMException && error.name === "InvalidStateError") {
      throw new Problem({ code: "web.passkey-known", title: "This device has a passkey for you already." });
    }
  }
  throw new Problem({ code: "client.aborted", kind: "aborted", title: "No passkey was shown." });
}
