// @ts-check
/**
 * Who we are: a user id and the token that shows it, kept in the browser's storage and shared by all of
 * its tabs.
 *
 * @module
 */
import { Store } from "./store.js";
/** @import { Readable } from "./store.js" */

/**
 * @typedef {object} Credentials
 * @property {string} user_id
 * @property {string} token
 *
 * @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} TokenStorage
 */

const STORED_AS = "backline.session";

/** @implements {Readable<Credentials | null>} */
export class Session {
  #storage;
  /** @type {Store<Credentials | null>} */
  #store;
  /** @type {Promise<Credentials> | null} */
  #starting = null;
  #startGuest;
  #watching = new AbortController();

  /**
   * @param {object} options
   * @param {TokenStorage | null} options.storage null keeps the session in memory alone
   * @param {() => Promise<Credentials>} options.startGuest asks the server for a guest session
   */
  constructor({ storage, startGuest }) {
    this.#storage = storage;
    this.#startGuest = startGuest;
    this.#store = new Store(this.#stored());
    // Only in browsers, and only heard by the other tabs: one signs in, all are signed in.
    globalThis.addEventListener?.(
      "storage",
      (event) => {
        const { key } = /** @type {StorageEvent} */ (event);
        if (key === STORED_AS || key === null) this.#adopt(this.#stored());
      },
      { signal: this.#watching.signal },
    );
  }

  /** @param {() => void} listener */
  subscribe = (listener) => this.#store.subscribe(listener);

  getSnapshot = () => this.#store.getSnapshot();

  /**
   * The session there is, or else a new guest's. Calls at the same moment, in any tab, make one guest.
   *
   * @returns {Promise<Credentials>}
   */
  signInAsGuest() {
    const present = this.getSnapshot();
    if (present !== null) return Promise.resolve(present);
    this.#starting ??= alone(() => this.#beginGuest()).finally(() => {
      this.#starting = null;
    });
    return this.#starting;
  }

  /** @param {Credentials} credentials from any way in */
  signIn(credentials) {
    this.#keep(credentials);
    this.#store.set(credentials);
  }

  signOut() {
    this.#keep(null);
    this.#store.set(null);
  }

  /** The server does not accept this token any more. @param {string | null} token */
  drop(token) {
    if (this.getSnapshot()?.token === token) this.signOut();
  }

  /** Stop listening to the other tabs. */
  close() {
    this.#watching.abort();
  }

  async #beginGuest() {
    // Another tab may have been first while we waited for our turn.
    const stored = this.#stored();
    if (stored !== null) {
      this.#adopt(stored);
      return stored;
    }
    const { user_id, token } = await this.#startGuest();
    const credentials = { user_id, token };
    this.signIn(credentials);
    return credentials;
  }

  /** @param {Credentials | null} credentials */
  #adopt(credentials) {
    if (credentials?.token !== this.getSnapshot()?.token) this.#store.set(credentials);
  }

  /** @returns {Credentials | null} */
  #stored() {
    try {
      const { user_id, token } = JSON.parse(this.#storage?.getItem(STORED_AS) ?? "null") ?? {};
      return typeof user_id === "string" && typeof token === "string" ? { user_id, token } : null;
    } catch {
      // Storage closed to us, or written by someone else: then nobody is signed in yet.
      return null;
    }
  }

  /** @param {Credentials | null} credentials */
  #keep(credentials) {
    try {
      if (credentials === null) this.#storage?.removeItem(STORED_AS);
      else this.#storage?.setItem(STORED_AS, JSON.stringify(credentials));
    } catch {
      // Full or forbidden storage: the session lasts as long as the page.
    }
  }
}

/**
 * One tab of this browser at a time, where the browser can do that.
 *
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T>}
 */
function alone(act) {
  const locks = globalThis.navigator?.locks;
  return locks === undefined ? act() : locks.request(STORED_AS, act);
}
