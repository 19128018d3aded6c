// @ts-check
/**
 * Small pieces of a page that scripts make.
 *
 * @module
 */

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
