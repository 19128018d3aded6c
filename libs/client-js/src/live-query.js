// @ts-check
/**
 * One live query: what the server last said, and on top of it what we have asked for and expect.
 *
 * @module
 */
import { applyPatch } from "./patch.js";
import { Problem } from "./problem.js";
import { Store } from "./store.js";
/** @import { Operation } from "./patch.js" */
/** @import { Readable } from "./store.js" */

/**
 * `waiting`: not on the server's list yet (connecting, or nobody is signed in), though a result may be
 * there. `live`: the server keeps it true. `refused`: the server said no, see `problem`.
 *
 * @typedef {"waiting" | "live" | "refused"} LiveStatus
 */

/**
 * @template T
 * @typedef {object} LiveSnapshot
 * @property {T | null} result
 * @property {number | null} position The position in the log at which the result is true.
 * @property {LiveStatus} status
 * @property {Problem | null} problem
 * @property {number} resets How often a whole new result replaced one instead of changes to it.
 */

/**
 * @template T
 * @typedef {object} InitialResult What a page was rendered from.
 * @property {T} result
 * @property {number | null} [position]
 * @property {string | null} [cursor]
 */

/**
 * Gives the result as it will be. Must be idempotent: a result that already has the update stays as it
 * is, because the live change may arrive before the reply. `reply` is null until the server answers.
 *
 * @template T
 * @typedef {(result: T, reply: any) => T} Update
 */

/**
 * @template T
 * @typedef {({op: "result", result: T} | {op: "change", patch: Operation[]} | {op: "resumed"})
 *   & {position?: number | null, cursor?: string | null}} LiveFrame
 */

/**
 * What the connection offers a query.
 *
 * @typedef {object} Subscriptions
 * @property {(query: LiveQuery<any>) => void} attach
 * @property {(query: LiveQuery<any>) => void} detach
 */

/**
 * On the server's list for as long as someone subscribes to it here.
 *
 * @template T
 * @implements {Readable<LiveSnapshot<T>>}
 */
export class LiveQuery {
  /** @type {Subscriptions} */
  #subscriptions;
  /** @type {Store<LiveSnapshot<T>>} */
  #store;
  /** @type {T | null} */
  #base;
  /** @type {Overlay<T>[]} Oldest first. */
  #overlays = [];
  /** @type {string | null} Where to resume. */
  #cursor;
  /** @type {InitialResult<T> | null} */
  #initial;

  /**
   * @param {Subscriptions} subscriptions
   * @param {string} name `<service>.<query>`
   * @param {Record<string, unknown>} args
   * @param {{initial?: InitialResult<T> | null, personal?: boolean}} options
   */
  constructor(subscriptions, name, args, { initial = null, personal = false }) {
    this.#subscriptions = subscriptions;
    this.name = name;
    this.args = args;
    /**
     * The answer depends on who asks: only asked when signed in, and forgotten when the user changes.
     * Then `initial` is what is shown while nobody is signed in.
     */
    this.personal = personal;
    this.#initial = initial;
    this.#base = initial?.result ?? null;
    this.#cursor = initial?.cursor ?? null;
    this.#store = new Store({
      result: this.#base,
      position: initial?.position ?? null,
      status: /** @type {LiveStatus} */ ("waiting"),
      problem: null,
      resets: 0,
    });
  }

  /** @param {() => void} listener */
  subscribe = (listener) => {
    const stop = this.#store.subscribe(listener);
    if (this.#store.size === 1) this.#subscriptions.attach(this);
    let isSubscribed = true;
    return () => {
      if (!isSubscribed) return;
      isSubscribed = false;
      stop();
      if (this.#store.size === 0) this.#subscriptions.detach(this);
    };
  };

  /** @returns {LiveSnapshot<T>} */
  getSnapshot = () => this.#store.getSnapshot();

  get cursor() {
    return this.#cursor;
  }

  /**
   * Show an expected result until the server's own has it, or until it is rolled back.
   *
   * @param {Update<T>} update
   */
  expect(update) {
    /** @type {Overlay<T>} */
    const overlay = { update, reply: null, position: null };
    this.#overlays.push(overlay);
    this.#show({});
    return {
      /**
       * The command was answered: keep the update until the result is as new as the reply.
       *
       * @param {any} reply
       * @param {number | null} position where the command is recorded; null when it is not
       */
      confirm: (reply, position) => {
        overlay.reply = reply;
        overlay.position = position ?? Number.NEGATIVE_INFINITY;
        this.#show({});
      },
      /** The command was refused: as if it had never been. */
      rollBack: () => {
        this.#overlays = this.#overlays.filter((each) => each !== overlay);
        this.#show({});
      },
    };
  }

  /**
   * What the server says: a whole result, changes to the one we have, or that this one holds.
   *
   * @param {LiveFrame<T>} frame
   * @throws {Problem} when changes do not fit: then only a whole result helps, see `forgetCursor`
   */
  onFrame(frame) {
    let { resets, result } = this.#store.getSnapshot();
    if (frame.op === "result") {
      this.#base = frame.result;
      if (result !== null) resets++;
    }
    if (frame.op === "change") this.#base = applyPatch(this.#base, frame.patch);
    this.#cursor = frame.cursor ?? null;
    this.#show({ position: frame.position ?? null, status: "live", problem: null, resets });
  }

  /** @param {Problem} problem */
  onRefused(problem) {
    this.#cursor = null;
    this.#show({ status: "refused", problem });
  }

  /** The server does not keep this query true any more. */
  onLost() {
    this.#show({ status: "waiting" });
  }

  /** Ask for a whole result next time. */
  forgetCursor() {
    this.#cursor = null;
  }

  /** Forget what was told to someone else. */
  forget() {
    this.#base = this.#initial?.result ?? null;
    this.#cursor = null;
    this.#overlays = [];
    this.#show({ position: this.#initial?.position ?? null, status: "waiting", problem: null });
  }

  /** @param {Partial<LiveSnapshot<T>>} news */
  #show(news) {
    const before = this.#store.getSnapshot();
    const position = news.position === undefined ? before.position : news.position;
    this.#overlays = this.#overlays.filter(
      ({ position: needed }) => needed === null || needed > (position ?? -1),
    );
    /** @type {T | null} */
    let result = this.#base;
    for (const { update, reply } of this.#overlays) if (result !== null) result = update(result, reply);
    const after = { ...before, ...news, result };
    const keys = /** @type {(keyof LiveSnapshot<T>)[]} */ (Object.keys(after));
    if (keys.some((key) => !Object.is(before[key], after[key]))) this.#store.set(after);
  }
}

/**
 * @template T
 * @typedef {object} Overlay
 * @property {Update<T>} update
 * @property {any} reply
 * @property {number | null} position The position from which the result has it; null until answered.
 */
