// @ts-check
/**
 * Whether someone is still at the other end of a connection. A network that goes away says nothing, so
 * silence is broken with a ping, and a ping that nobody answers is the end.
 *
 * @module
 */

/**
 * @typedef {object} PulseOptions
 * @property {() => void} ask sends a ping
 * @property {() => void} onDead
 * @property {number} [silenceMs] how long silence is nothing unusual
 * @property {number} [patienceMs] how long an answer may take
 */

export class Pulse {
  #ask;
  #onDead;
  #silenceMs;
  #patienceMs;
  #heardAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {PulseOptions} options */
  constructor({ ask, onDead, silenceMs = 25_000, patienceMs = 10_000 }) {
    this.#ask = ask;
    this.#onDead = onDead;
    this.#silenceMs = silenceMs;
    this.#patienceMs = patienceMs;
  }

  start() {
    this.heard();
    this.#sleep(this.#silenceMs);
  }

  /** Anything at all was received. */
  heard() {
    this.#heardAt = Date.now();
  }

  /** Find out now. */
  probe() {
    this.stop();
    const askedAt = Date.now();
    this.#ask();
    this.#timer = setTimeout(() => {
      if (this.#heardAt < askedAt) this.#onDead();
      else this.#sleep(this.#silenceMs);
    }, this.#patienceMs);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** @param {number} ms */
  #sleep(ms) {
    this.#timer = setTimeout(() => {
      const left = this.#heardAt + this.#silenceMs - Date.now();
      if (left > 0) this.#sleep(left);
      else this.probe();
    }, ms);
  }
}
