// @ts-check
/**
 * Which live queries the server keeps true for us on the present connection, and under which id.
 *
 * @module
 */
import { Problem } from "./problem.js";
import { backoff } from "./waiting.js";
/** @import { LiveQuery } from "./live-query.js" */
/** @import { BackoffLimits } from "./waiting.js" */

/**
 * @typedef {LiveQuery<any>} AnyQuery
 * @typedef {{op: string, [field: string]: any}} Frame
 *
 * @typedef {object} Line What the connection lends its subscriptions.
 * @property {(frame: Frame) => void} send
 * @property {() => number} nextId
 * @property {() => boolean} isOpen
 * @property {() => boolean} isSignedIn Whether the server has accepted who we say we are.
 *
 * @typedef {object} Entry
 * @property {number | null} id Null while the server does not know of the query.
 * @property {number} refusals In a row.
 * @property {ReturnType<typeof setTimeout> | undefined} timer Runs while a refused query waits to ask again.
 */

export class Subscriptions {
  #line;
  #backoff;
  /** Every query someone watches. @type {Map<AnyQuery, Entry>} */
  #entries = new Map();
  /** @type {Map<number, AnyQuery>} */
  #queryOf = new Map();

  /** @param {Line} line @param {BackoffLimits} [backoffLimits] */
  constructor(line, backoffLimits) {
    this.#line = line;
    this.#backoff = backoffLimits;
  }

  get size() {
    return this.#entries.size;
  }

  /** @param {AnyQuery} query */
  attach(query) {
    const entry = { id: null, refusals: 0, timer: undefined };
    this.#entries.set(query, entry);
    this.#subscribe(query, entry);
  }

  /** @param {AnyQuery} query */
  detach(query) {
    this.#end(query);
    this.#entries.delete(query);
  }

  /** Ask for every query that the server does not know of and that may be asked now. */
  resume() {
    for (const [query, entry] of this.#entries) if (entry.timer === undefined) this.#subscribe(query, entry);
  }

  /** The connection is gone, and with it what the server knew. */
  lose() {
    this.#queryOf.clear();
    for (const [query, entry] of this.#entries) {
      clearTimeout(entry.timer);
      Object.assign(entry, { id: null, refusals: 0, timer: undefined });
      query.onLost();
    }
  }

  /** Someone else is here now: end what was told to the one before. */
  forgetPersonal() {
    for (const query of this.#entries.keys()) {
      if (!query.personal) continue;
      this.#end(query);
      query.forget();
    }
  }

  /**
   * `result`, `resumed` and `change`.
   *
   * @param {Frame} frame
   */
  onFrame(frame) {
    const query = this.#queryOf.get(frame.id);
    const entry = query && this.#entries.get(query);
    // What is not ours any more may still be on its way.
    if (query === undefined || entry === undefined) return;
    entry.refusals = 0;
    try {
      query.onFrame(/** @type {any} */ (frame));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      // The change does not fit what we have: only a whole result helps.
      this.#end(query);
      query.forgetCursor();
      this.#subscribe(query, entry);
    }
  }

  /**
   * The subscription was refused, or has ended.
   *
   * @param {number | string | null} id
   * @param {Problem} problem
   */
  onError(id, problem) {
    const query = this.#queryOf.get(/** @type {number} */ (id));
    const entry = query && this.#entries.get(query);
    if (query === undefined || entry === undefined) return;
    this.#queryOf.delete(/** @type {number} */ (id));
    query.onRefused(problem);
    if (!problem.isPassing) return;
    const delay = (problem.retryAfterSeconds ?? 0) * 1000 + backoff(entry.refusals++, this.#backoff);
    entry.timer = setTimeout(() => {
      Object.assign(entry, { id: null, timer: undefined });
      this.#subscribe(query, entry);
    }, delay);
  }

  /** @param {AnyQuery} query @param {Entry} entry */
  #subscribe(query, entry) {
    if (!this.#line.isOpen() || entry.id !== null) return;
    if (query.personal && !this.#line.isSignedIn()) return;
    entry.id = this.#line.nextId();
    this.#queryOf.set(entry.id, query);
    this.#line.send({
      op: "subscribe",
      id: entry.id,
      query: query.name,
      args: query.args,
      cursor: query.cursor,
    });
  }

  /** @param {AnyQuery} query */
  #end(query) {
    const entry = this.#entries.get(query);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    if (entry.id !== null && this.#queryOf.delete(entry.id))
      this.#line.send({ op: "unsubscribe", id: entry.id });
    Object.assign(entry, { id: null, refusals: 0, timer: undefined });
    query.onLost();
  }
}
