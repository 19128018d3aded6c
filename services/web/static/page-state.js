// @ts-check
/**
 * What the page was rendered from: the answers, and where the live queries go on from.
 *
 * @module
 */
import { createClient } from "../client/index.js";
import { showActing } from "./acting.js";
import { renewSession, showWho } from "./who.js";
/** @import { Client, LiveQuery } from "../client/index.js" */

/**
 * @typedef {object} RenderedAnswer
 * @property {string} query
 * @property {Record<string, unknown>} args
 * @property {number | null} position
 * @property {string | null} cursor
 * @property {any} result
 */

/** @returns {any} */
export function readState() {
  return JSON.parse(document.getElementById("state")?.textContent ?? "{}");
}

/** @param {{gateway_url: string}} state @returns {Client} */
export function connect({ gateway_url }) {
  const client = createClient({ ...(gateway_url !== "" && { url: gateway_url }), renew: renewSession });
  showWho(client);
  showActing(client);
  return client;
}

/** Connect a page that is for those who signed in; others are sent to where they can. @returns {Client} */
export function connectSignedIn() {
  const client = connect(readState());
  if (client.session.getSnapshot()?.session_id === undefined) location.replace("/sign-in");
  return client;
}

/**
 * The live query that goes on from a rendered answer.
 *
 * @param {Client} client
 * @param {RenderedAnswer} answer
 * @returns {LiveQuery<any>}
 */
export function goOnFrom(client, { query, args, ...initial }) {
  return client.query(query, args, { initial });
}

/**
 * Call a function before the next frame is drawn, once however often it was asked for.
 *
 * @param {() => void} draw
 * @returns {() => void}
 */
export function oncePerFrame(draw) {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      draw();
    });
  };
}

/**
 * An element of the page that must be there.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no ${id}.`);
  return /** @type {T} */ (found);
}
