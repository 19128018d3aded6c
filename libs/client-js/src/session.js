// @ts-check
/**
 * Who we are: a user id and the token that shows it, kept in the browser's storage and shared by all of
 * its tabs. Who signed in has a session: its token is short, and renewed before it ends.
 *
 * @module
 */
import { Store } from "./store.js";
/** @import { Readable } from "./store.js" */

/**
 * @typedef {object} Credentials
 * @property {string} user_id
 * @property {string} token
 * @property {string} [session_id] of somebody who signed in; a guest has none
 * @property {string} [expires_at] when the token ends
 * @property {string | null} [display_name]
 * @property {string[]} [roles]
 * @property {string} [confirmation] which a sign-in gives, and dangerous steps ask for
 * @property {string | null} [impersonated_by] the administrator who acts as this user
 *
 * @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} TokenStorage
 */

const STORED_AS = "backline.session";
const RENEW_BEFORE_MS = 60_000;
const TRY_AGAIN_MS = 5_000;

/** @implements {Readable<Credentials | null>} */
export class Session {
  #storage;
  /** @type {Store<Credentials | null>} */
  #store;
  /** @type {Promise<Credentials> | null} */
  #starting = null;
  #startGuest;
  #renew;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #watching = new AbortController();

  /**
   * @param {object} options
   * @param {TokenStorage | null} options.storage null keeps the session in memory alone
   * @param {() => Promise<Credentials>} options.startGuest asks the server for a guest session
   * @param {(() => Promise<Credentials | null>) | null} [options.renew] asks for the next token of a session;
   *   null says that the session is over
   */
  constructor({ storage, startGuest, renew = null }) {
    this.#storage = storage;
    this.#startGuest = startGuest;
    this.#renew = renew;
    this.#store = new Store(this.#stored());
    this.#renewInTime();
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
    this.#renewInTime();
  }

  signOut() {
    clearTimeout(this.#timer);
    this.#keep(null);
    this.#store.set(null);
  }

  /** The server does not accept this token any more. @param {string | null} token */
  drop(token) {
    const present = this.getSnapshot();
    if (present?.token !== token) return;
    if (present?.session_id === undefined || this.#renew === null) this.signOut();
    else void this.#renewNow();
  }

  /** Stop listening to the other tabs. */
  close() {
    clearTimeout(this.#timer);
    this.#watching.abort();
  }

  #renewInTime() {
    clearTimeout(this.#timer);
    const present = this.getSnapshot();
    if (present?.session_id === undefined || this.#renew === null) return;
    const left = Date.parse(present.expires_at ?? "") - Date.now() - RENEW_BEFORE_MS;
    this.#timer = setTimeout(() => void this.#renewNow(), Math.max(0, left || 0));
  }

  /** One tab renews, and all have the new token: a refresh token is good once. */
  async #renewNow() {
    clearTimeout(this.#timer);
    const before = this.getSnapshot()?.token;
    await alone(async () => {
      const stored = this.#stored();
      if (stored?.token !== before) {
        this.#adopt(stored);
        return;
      }
      try {
        const renewed = (await this.#renew?.()) ?? null;
        if (renewed === null) this.signOut();
        else this.signIn(renewed);
      } catch {
        // Nobody answers: the session may well be good, so ask again.
        this.#timer = setTimeout(() => void this.#renewNow(), TRY_AGAIN_MS);
      }
    });
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
    if (credentials?.token === this.getSnapshot()?.token) return;
    this.#store.set(credentials);
    this.#renewInTime();
  }

  /** @returns {Credentials | null} */
  #stored() {
    try {
      const stored = JSON.parse(this.#storage?.getItem(STORED_AS) ?? "null") ?? {};
      return typeof stored.user_id === "string" && typeof stored.token === "string" ? stored : null;
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
