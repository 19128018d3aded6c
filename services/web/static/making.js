// @ts-check
/**
 * Elements that rows are made of.
 *
 * @module
 */

export const WHEN = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {...(Node | string)} content
 */
export function make(tag, ...content) {
  const made = document.createElement(tag);
  made.append(...content);
  return made;
}

/** @param {string} text @param {() => unknown} act */
export function button(text, act) {
  const made = make("button", text);
  made.type = "button";
  made.className = "small-button";
  made.addEventListener("click", () => void act());
  return made;
}

/** @param {(reason: string) => unknown} act */
export function withReason(act) {
  const reason = globalThis.prompt("Why? It is recorded, with your name.");
  if (reason) act(reason);
}
