// @ts-check
/**
 * What is said to those who listen to the page: the state of the race now and then, never every vote.
 *
 * @module
 */
import { element } from "./page-state.js";

const PAUSE_MS = 15_000;

export class Announcer {
  #target = element("announcer");
  #saidAt = Date.now();
  #news = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** Say this now, whatever was to be said. @param {string} text */
  sayNow(text) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#say(text);
  }

  /** Say this when enough time has passed, unless there is newer news by then. @param {string} text */
  sayInTime(text) {
    if (text === this.#news) return;
    this.#news = text;
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#say(this.#news);
      },
      Math.max(0, this.#saidAt + PAUSE_MS - Date.now()),
    );
  }

  /** @param {string} text */
  #say(text) {
    this.#saidAt = Date.now();
    this.#target.textContent = text;
  }
}
