// @ts-check
/**
 * A value that can be watched. `subscribe` and `getSnapshot` need no `this`, so that a store can be
 * handed to React's `useSyncExternalStore(store.subscribe, store.getSnapshot)` as it is.
 *
 * @module
 */

/**
 * @template T
 * @typedef {object} Readable
 * @property {(listener: () => void) => () => void} subscribe Calls `listener` after each change; returns the way to stop it.
 * @property {() => T} getSnapshot The value now; the same object until it changes.
 */

/**
 * @template T
 * @implements {Readable<T>}
 */
export class Store {
  /** @type {T} */
  #value;
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** @param {T} value */
  constructor(value) {
    this.#value = value;
  }

  /**
   * @param {() => void} listener
   * @returns {() => void}
   */
  subscribe = (listener) => {
    // Wrapped, so that the same function subscribed twice is two subscriptions.
    const entry = () => listener();
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  };

  /** @returns {T} */
  getSnapshot = () => this.#value;

  /**
   * Replace the value and tell everyone, unless it is the same one.
   *
   * @param {T} value
   */
  set(value) {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  /** How many are watching. */
  get size() {
    return this.#listeners.size;
  }
}
