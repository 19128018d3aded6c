// @ts-check
/**
 * The voting booth: pick a song, cast the vote, learn what became of it.
 *
 * @module
 */
import { newKey, Problem } from "../client/index.js";
import { setAttribute, setText } from "./bind.js";
import { element } from "./page-state.js";
/** @import { Client, LiveQuery } from "../client/index.js" */
/** @import { Announcer } from "./announcer.js" */

const CAST_VOTE = "voting.cast-vote";
const REFUSALS = {
  "voting.ballot-not-open": "Voting is closed. Your vote was not counted.",
  "voting.song-not-on-ballot": "This song is no longer on the ballot. Pick another one.",
  "voting.voter-suspended": "You cannot vote in this ballot.",
  "voting.votes-spent": "You have cast all your votes.",
};
const LOST = "We could not reach the booth. Try again: your vote will count once.";

/**
 * @typedef {object} BoothOptions
 * @property {Client} client
 * @property {LiveQuery<any>} mine The viewer's own votes.
 * @property {string} showId
 * @property {() => boolean} hasOneVote Whether there is one vote for each, so that a new one replaces it.
 * @property {Announcer} announcer
 * @property {() => void} onChange Something changed that `draw` shows.
 */

export class Booth {
  #options;
  #form = /** @type {HTMLFormElement} */ (element("ballot-form"));
  #list = element("candidates");
  #text = element("cast-text");
  #button = /** @type {HTMLButtonElement} */ (element("cast-button"));
  #voted = element("voted");
  #refusal = "";
  #isSending = false;
  #isPointedAt = false;
  /** The vote whose fate we do not know: sent again, it is the same. @type {{songId: string, key: string} | null} */
  #intent = null;

  /** @param {BoothOptions} options */
  constructor(options) {
    this.#options = options;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#cast();
    });
    this.#form.addEventListener("change", () => {
      this.#refusal = "";
      options.onChange();
    });
    this.#list.addEventListener("pointerenter", () => (this.#isPointedAt = true));
    this.#list.addEventListener("pointerleave", () => this.#leave());
    this.#form.addEventListener("focusout", () => options.onChange());
  }

  /**
   * Whether someone is about to choose: then the songs keep their places, so that nobody hits the one
   * that has just moved under their finger.
   */
  get isChoosing() {
    if (this.#form.querySelector("input:enabled") === null) return false;
    return this.#isPointedAt || this.#list.contains(document.activeElement);
  }

  /** @param {{candidates: {song_id: string, title: string, is_locked: boolean}[]}} page */
  draw({ candidates }) {
    setAttribute(element("held"), "hidden", !this.isChoosing);
    const picked = this.#picked();
    const title = candidates.find(({ song_id }) => song_id === picked)?.title;
    setText(this.#text, this.#refusal || title || "Pick a song");
    setAttribute(this.#text, "data-refused", this.#refusal !== "");
    setAttribute(this.#button, "disabled", picked === null || this.#isSending);
    setAttribute(this.#voted, "data-sending", this.#isSending);
  }

  #leave() {
    this.#isPointedAt = false;
    this.#options.onChange();
  }

  #picked() {
    const input = this.#form.querySelector("input:checked:enabled");
    return input instanceof HTMLInputElement ? input.value : null;
  }

  async #cast() {
    const songId = this.#picked();
    if (songId === null || this.#isSending) return;
    if (this.#intent?.songId !== songId) this.#intent = { songId, key: newKey() };
    this.#isSending = true;
    this.#refusal = "";
    this.#options.onChange();
    try {
      await this.#send(songId, this.#intent.key);
      this.#intent = null;
      this.#say("Your vote is counted.");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      // What was refused is decided; what was lost may still be decided.
      if (!error.isPassing) this.#intent = null;
      this.#refusal = wordsFor(error);
      this.#say(this.#refusal);
    } finally {
      this.#isSending = false;
      this.#options.onChange();
    }
  }

  /** @param {string} songId @param {string} key */
  #send(songId, key) {
    const { client, mine, showId, hasOneVote } = this.#options;
    const sending = client.command(
      CAST_VOTE,
      { show_id: showId, song_id: songId },
      { key, signIn: "guest", expect: [{ query: mine, update: withVote(songId, hasOneVote()) }] },
    );
    // What was focused is about to go: take the reader along to what takes its place.
    requestAnimationFrame(() => requestAnimationFrame(() => this.#keepFocus()));
    return sending;
  }

  #keepFocus() {
    if (document.activeElement === document.body || this.#button.contains(document.activeElement)) {
      this.#voted.focus({ preventScroll: true });
    }
  }

  /** @param {string} text */
  #say(text) {
    this.#options.announcer.sayNow(text);
  }
}

/**
 * The votes with this one among them, or, where there is one vote each, this one alone.
 *
 * @param {string} songId
 * @param {boolean} isOnly
 * @returns {(result: any, reply: any) => any}
 */
function withVote(songId, isOnly) {
  return (result, reply) => {
    const cast = reply?.song_id ?? songId;
    if (result.votes.some((/** @type {any} */ vote) => vote.song_id === cast)) return result;
    const vote = { vote_id: reply?.vote_id ?? "", song_id: cast, at: "" };
    return { ...result, votes: isOnly ? [vote] : [...result.votes, vote] };
  };
}

/** @param {Problem} problem */
function wordsFor(problem) {
  if (problem.isPassing) return LOST;
  return /** @type {Record<string, string>} */ (REFUSALS)[problem.code] ?? problem.title;
}
