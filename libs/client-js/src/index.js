// @ts-check
/**
 * The client of a Backline gateway.
 *
 *     const client = createClient();
 *     const tally = client.query("voting.get-tally", { show_id });
 *     tally.subscribe(() => draw(tally.getSnapshot().result));
 *     await client.command("voting.cast-vote", { show_id, song_id }, { signIn: "guest" });
 *
 * @module
 */
import { CommandSender, newKey } from "./commands.js";
import { HttpGateway } from "./http.js";
import { LiveQuery } from "./live-query.js";
import { LiveConnection } from "./live.js";
import { Session } from "./session.js";
/** @import { InitialResult } from "./live-query.js" */
/** @import { TokenStorage } from "./session.js" */
/** @import { BackoffLimits } from "./waiting.js" */

export { newKey } from "./commands.js";
export { LiveQuery } from "./live-query.js";
export { LiveConnection } from "./live.js";
export { applyPatch } from "./patch.js";
export { Problem } from "./problem.js";
export { Session } from "./session.js";
export { Store } from "./store.js";

/**
 * @template T
 * @typedef {import("./live-query.js").LiveSnapshot<T>} LiveSnapshot
 */

/**
 * @typedef {import("./commands.js").CommandOptions} CommandOptions
 * @typedef {import("./live.js").ConnectionState} ConnectionState
 * @typedef {import("./session.js").Credentials} Credentials
 *
 * @typedef {object} ClientOptions
 * @property {string} [url] The gateway; in a page, its own origin if not said.
 * @property {TokenStorage | null} [storage] Where the session is kept, `localStorage` if there is one.
 * @property {typeof globalThis.WebSocket} [WebSocket]
 * @property {typeof globalThis.fetch} [fetch]
 * @property {(() => Promise<import("./session.js").Credentials | null>) | null} [renew] Asks for the next
 *   token of somebody who signed in; null says that the session is over.
 * @property {BackoffLimits} [backoff]
 * @property {number} [attemptTimeoutMs] How long one attempt of a command or question may take.
 * @property {number} [connectTimeoutMs]
 * @property {number} [silenceMs] How long the live connection may be silent before we ask whether it is there.
 * @property {number} [patienceMs] How long it may take to say so.
 */

const ATTEMPT_TIMEOUT_MS = 8_000;

/** @param {ClientOptions} [options] @returns {Client} */
export function createClient(options = {}) {
  return new Client(options);
}

export class Client {
  #http;
  #timeoutMs;
  #commands;
  /** @type {Map<string, LiveQuery<any>>} */
  #queries = new Map();

  /** @param {ClientOptions} options */
  constructor(options) {
    const base = new URL(options.url || globalThis.location?.href);
    this.#http = new HttpGateway(base.origin, options.fetch ?? globalThis.fetch.bind(globalThis));
    this.#timeoutMs = options.attemptTimeoutMs ?? ATTEMPT_TIMEOUT_MS;
    this.session = new Session({
      storage: options.storage === undefined ? browserStorage() : options.storage,
      startGuest: () => this.#startGuest(),
      renew: options.renew ?? null,
    });
    this.live = new LiveConnection({
      url: `${base.protocol === "https:" ? "wss" : "ws"}://${base.host}/v1/live`,
      session: this.session,
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      ...(options.backoff && { backoff: options.backoff }),
      ...(options.connectTimeoutMs && { connectTimeoutMs: options.connectTimeoutMs }),
      ...(options.silenceMs && { silenceMs: options.silenceMs }),
      ...(options.patienceMs && { patienceMs: options.patienceMs }),
    });
    this.#commands = new CommandSender({
      http: this.#http,
      live: this.live,
      session: this.session,
      attemptTimeoutMs: this.#timeoutMs,
      ...(options.backoff && { backoff: options.backoff }),
    });
  }

  /**
   * A live query. The same name and arguments give the same object, so components may each ask for it.
   *
   * @template [T=any]
   * @param {string} name `<service>.<query>`
   * @param {Record<string, unknown>} args
   * @param {{initial?: InitialResult<T> | null, personal?: boolean}} [options]
   *   initial   what the page was rendered from: shown at once, and resumed from its cursor
   *   personal  the answer depends on who asks
   * @returns {LiveQuery<T>}
   */
  query(name, args, options = {}) {
    const id = `${name} ${canonical(args)}`;
    let query = this.#queries.get(id);
    if (query === undefined) {
      query = new LiveQuery(this.live, name, args, options);
      this.#queries.set(id, query);
    }
    return query;
  }

  /**
   * Ask a query once, by HTTP.
   *
   * @param {string} name
   * @param {Record<string, unknown>} args
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<any>}
   */
  async ask(name, args, { signal } = {}) {
    const token = this.session.getSnapshot()?.token ?? null;
    const { result } = await this.#http.query(name, args, { token, timeoutMs: this.#timeoutMs, signal });
    return result;
  }

  /**
   * Send a command until it is answered; see `CommandSender.send`.
   *
   * @param {string} name `<service>.<command>`
   * @param {Record<string, unknown>} args
   * @param {CommandOptions} [options]
   * @returns {Promise<any>}
   */
  command(name, args, options) {
    return this.#commands.send(name, args, options);
  }

  /** For good: closes the connection, and stops listening to the page and to other tabs. */
  close() {
    this.live.close();
    this.session.close();
  }

  async #startGuest() {
    const options = { key: newKey(), token: null, timeoutMs: this.#timeoutMs };
    const { result } = await this.#http.command("auth.start-guest-session", {}, options);
    return result;
  }
}

/** The same text for the same arguments, in whatever order they are given. @param {unknown} value @returns {string} */
function canonical(value) {
  return JSON.stringify(value, (_key, each) =>
    each !== null && typeof each === "object" && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([one], [other]) => (one < other ? -1 : 1)))
      : each,
  );
}

/** @returns {Storage | null} */
function browserStorage() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}
