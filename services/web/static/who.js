// @ts-check
/**
 * Signing in and out: the cookie that keeps somebody signed in, and what the top of the page says of it.
 *
 * @module
 */
import { newKey, Problem } from "../client/index.js";
import { setAttribute, setText } from "./bind.js";
/** @import { Client, Credentials } from "../client/index.js" */

/**
 * Sign in by one of the ways of `/session`.
 *
 * @typedef {"sign-in" | "username" | "second-factor" | "proof" | "code" | "reset" | "passkey" | "wallet" | "provider"
 *   | "renew" | "end"} Way
 *
 * @param {Way} way
 * @param {Record<string, unknown>} [fields]
 * @param {string} [key] the same for a request that is made again because its answer got lost
 * @returns {Promise<Credentials>}
 */
export async function openSession(way, fields = {}, key = newKey()) {
  const response = await fetch(`/session/${way}`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify(fields),
  });
  if (!response.ok) throw await Problem.fromResponse(response);
  return response.json();
}

let renewalKey = newKey();

/** The next token of the session in the cookie; null when it is over. @returns {Promise<Credentials | null>} */
export async function renewSession() {
  try {
    const renewed = await openSession("renew", {}, renewalKey);
    renewalKey = newKey();
    return renewed;
  } catch (error) {
    if (error instanceof Problem && (error.status === 401 || error.status === 403)) return null;
    throw error;
  }
}

/** Say at the top of the page who is here, and lead administrators to what they look after. @param {Client} client */
export function showWho(client) {
  const link = document.getElementById("who");
  const admin = document.getElementById("admin");
  if (link === null) return;
  const draw = () => {
    const who = client.session.getSnapshot();
    const isSignedIn = who?.session_id !== undefined;
    setText(link, isSignedIn ? who?.display_name || "Your account" : "Sign in");
    setAttribute(link, "href", isSignedIn ? "/account" : "/sign-in");
    if (admin !== null) setAttribute(admin, "hidden", !who?.roles?.includes("admin"));
  };
  client.session.subscribe(draw);
  draw();
}
