// @ts-check
/**
 * The strip at the top: whether the page is live, and how many watch with us.
 *
 * @module
 */
import { setAttribute, setText } from "./bind.js";
import { element } from "./page-state.js";
import { numberText } from "./view/wording.js";
/** @import { Client, ConnectionState, LiveQuery } from "../client/index.js" */

/**
 * @param {Client} client
 * @param {LiveQuery<{viewers: number}>} [viewers]
 */
export function showConnection(client, viewers) {
  const strip = element("strip");
  const text = element("strip-text");
  const retry = element("strip-retry");
  const count = element("strip-viewers");
  const draw = () => {
    const state = client.live.getSnapshot();
    setAttribute(strip, "data-phase", state.phase);
    setText(text, wordsFor(state));
    setAttribute(retry, "hidden", state.phase !== "stopped" && state.phase !== "waiting");
    const watching = viewers?.getSnapshot().result?.viewers ?? 0;
    setAttribute(count, "hidden", watching === 0 || state.phase !== "live");
    setText(count, `${numberText(watching)} watching`);
  };
  retry.addEventListener("click", () => client.live.retryNow());
  client.live.subscribe(draw);
  viewers?.subscribe(draw);
  // Only the seconds until the next attempt change by themselves.
  setInterval(() => client.live.getSnapshot().phase === "waiting" && draw(), 1_000);
  draw();
}

/** @param {ConnectionState} state */
function wordsFor({ phase, retryAt }) {
  switch (phase) {
    case "live":
      return "Live";
    case "waiting": {
      const seconds = Math.ceil(((retryAt ?? 0) - Date.now()) / 1_000);
      return seconds > 1 ? `Reconnecting in ${seconds} s` : "Reconnecting";
    }
    case "stopped":
      return "Disconnected";
    default:
      return "Connecting";
  }
}
