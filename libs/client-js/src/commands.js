// @ts-check
/**
 * Commands: one intent, one key, as many attempts as it takes. Over the live connection when that is
 * open, else by `POST /v1/<service>/<command>`; the key makes both the same command to the server.
 *
 * @module
 */
import { aborted, Problem } from "./problem.js";
import { backoff, sleep } from "./waiting.js";
/** @import { Answer, HttpGateway } from "./http.js" */
/** @import { LiveQuery, Update } from "./live-query.js" */
/** @import { LiveConnection } from "./live.js" */
/** @import { Session } from "./session.js" */
/** @import { BackoffLimits } from "./waiting.js" */

/**
 * @typedef {object} Expectation What a command will do to a live query, shown before the answer.
 * @property {LiveQuery<any>} query
 * @property {Update<any>} update
 *
 * @typedef {object} CommandOptions
 * @property {string} [key] The idempotency key, to carry an intent on; without it this call is an intent of its own.
 * @property {Expectation[]} [expect]
 * @property {"guest"} [signIn] Begin a guest session first, if nobody is signed in.
 * @property {number} [timeoutMs] How long to keep trying, 30 s if not said.
 * @property {AbortSignal} [signal]
 *
 * @typedef {object} SenderOptions
 * @property {HttpGateway} http
 * @property {LiveConnection} live
 * @property {Session} session
 * @property {number} attemptTimeoutMs
 * @property {BackoffLimits} [backoff]
 *
 * @typedef {object} Intent
 * @property {string} command
 * @property {Record<string, unknown>} args
 * @property {string} key
 * @property {CommandOptions} options
 * @property {number} deadline
 */

const TIMEOUT_MS = 30_000;

/** A new idempotency key: 128 random bits. (`randomUUID` is missing where a page is not served securely.) */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class CommandSender {
  #options;

  /** @param {SenderOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * Send a command until it is answered.
   *
   * @param {string} command `<service>.<command>`
   * @param {Record<string, unknown>} args
   * @param {CommandOptions} [options]
   * @returns {Promise<any>} the view it is answered with
   * @throws {Problem} the server's no, after which everything expected is rolled back; or a passing
   *   problem when the time is up: then nobody knows, and sending again with the same key is safe
   */
  async send(command, args, options = {}) {
    const { key = newKey(), expect = [], timeoutMs = TIMEOUT_MS } = options;
    const expected = expect.map(({ query, update }) => query.expect(update));
    try {
      const intent = { command, args, key, options, deadline: Date.now() + timeoutMs };
      const { result, position } = await this.#deliver(intent);
      for (const each of expected) each.confirm(result, position);
      return result;
    } catch (error) {
      for (const each of expected) each.rollBack();
      throw error;
    }
  }

  /** @param {Intent} intent @returns {Promise<Answer>} */
  async #deliver(intent) {
    const { signIn, signal } = intent.options;
    let mayRenew = signIn === "guest";
    let mayRepeat = true;
    for (let attempt = 0; ; attempt++) {
      try {
        if (signIn === "guest") await this.#options.session.signInAsGuest();
        return await this.#attempt(intent, attempt);
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (error.isUnauthenticated && mayRenew) {
          // Our token has expired. It is dropped by now, and the next attempt begins a new session.
          mayRenew = false;
        } else if (error.kind === "conflict" && mayRepeat) {
          mayRepeat = false;
        } else if (!error.isPassing) throw error;
        const wait = (error.retryAfterSeconds ?? 0) * 1000 + backoff(attempt, this.#options.backoff);
        if (Date.now() + wait >= intent.deadline) throw error;
        await sleep(wait, signal);
      }
    }
  }

  /** @param {Intent} intent @param {number} attempt @returns {Promise<Answer>} */
  async #attempt({ command, args, key, options: { signal }, deadline }, attempt) {
    if (signal?.aborted) throw aborted();
    const { live, http, session, attemptTimeoutMs } = this.#options;
    const token = session.getSnapshot()?.token ?? null;
    const timeoutMs = Math.max(1, Math.min(deadline - Date.now(), attemptTimeoutMs));
    // A socket that has just failed us may be a socket with nobody at the other end.
    const isLive = live.canCommand && attempt % 2 === 0;
    try {
      if (isLive) return await live.command(command, args, { key, timeoutMs, signal });
      return await http.command(command, args, { key, token, timeoutMs, signal });
    } catch (error) {
      if (error instanceof Problem && error.isUnauthenticated) session.drop(token);
      throw error;
    }
  }
}
