// @ts-check
/**
 * Keeps elements equal to values, writing only what differs. The template says which element shows what:
 *
 *     data-text="total"             its text is `total`
 *     data-show="has_ballot"        it is hidden unless `has_ballot`
 *     data-attr="value:id hidden:x" its attributes; false and "" for a data attribute mean none
 *     data-list="rows" data-key-of="id"
 *                                   one child for each item of `rows`, made of the <template> in it;
 *                                   inside of them names mean the fields of the item
 *
 * The server fills in the same elements with the same values, so that binding a page to the answers it
 * was rendered from writes nothing.
 *
 * @module
 */
import { glide } from "./motion.js";

/** @typedef {Record<string, any>} View */
/** @typedef {(view: View, options: BindOptions) => void} Binding */

/**
 * @typedef {object} BindOptions
 * @property {(list: Element) => boolean} [holdsOrder] Whether the children of a list should stay where they are for now.
 */

/** @type {WeakMap<Element, Binding[]>} */
const bindings = new WeakMap();

/**
 * @param {Element} root
 * @param {View} view
 * @param {BindOptions} [options]
 */
export function bind(root, view, options = {}) {
  let known = bindings.get(root);
  if (known === undefined) {
    known = bindingsOf(root);
    bindings.set(root, known);
  }
  for (const apply of known) apply(view, options);
}

/** @param {Element} element @returns {Binding[]} those of the element and of all below it, but not of lists' children */
function bindingsOf(element) {
  const { text, show, attr, list, keyOf } = /** @type {HTMLElement | SVGElement} */ (element).dataset;
  /** @type {Binding[]} */
  const found = [];
  if (text !== undefined) found.push((view) => setText(element, String(view[text])));
  if (show !== undefined) found.push((view) => setAttribute(element, "hidden", !view[show]));
  for (const pair of attr?.split(" ") ?? []) {
    const [name = "", field = ""] = pair.split(":");
    found.push((view) => setAttribute(element, name, view[field]));
  }
  if (list !== undefined && keyOf !== undefined) {
    found.push((view, options) => arrange(element, view[list], keyOf, options));
    return found;
  }
  for (const child of element.children) found.push(...bindingsOf(child));
  return found;
}

/** @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {Element} element @param {string} name @param {string | boolean} value false for none */
export function setAttribute(element, name, value) {
  const isState = typeof value === "boolean";
  const wanted = isState ? (value ? "" : null) : value;
  if (element.getAttribute(name) === wanted) return;
  if (wanted === null) element.removeAttribute(name);
  else element.setAttribute(name, wanted);
}

/**
 * @param {Element} list
 * @param {View[]} items
 * @param {string} keyOf
 * @param {BindOptions} options
 */
function arrange(list, items, keyOf, options) {
  /** @type {Map<string, Element>} */
  const present = new Map();
  for (const child of list.children) {
    if (child instanceof HTMLElement && child.dataset.key !== undefined)
      present.set(child.dataset.key, child);
  }
  const wanted = items.map((item) => {
    const key = String(item[keyOf]);
    const child = present.get(key) ?? make(list, key);
    present.delete(key);
    bind(child, item, options);
    return child;
  });
  for (const gone of present.values()) gone.remove();
  if (isInOrder(list, wanted) || options.holdsOrder?.(list)) return;
  glide(wanted, () => putInOrder(list, wanted));
}

/** @param {Element} list @param {string} key @returns {Element} at the end of the list */
function make(list, key) {
  const template = list.querySelector(":scope > template");
  if (!(template instanceof HTMLTemplateElement))
    throw new Error(`There is no template in ${list.id || list.tagName}.`);
  const child = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  child.dataset.key = key;
  list.append(child);
  return child;
}

/** @param {Element} list @param {Element[]} wanted */
function isInOrder(list, wanted) {
  let at = list.querySelector(":scope > [data-key]");
  for (const child of wanted) {
    if (child !== at) return false;
    at = child.nextElementSibling;
  }
  return true;
}

/** @param {Element} list @param {Element[]} wanted */
function putInOrder(list, wanted) {
  let at = list.querySelector(":scope > [data-key]");
  for (const child of wanted) {
    if (child === at) at = child.nextElementSibling;
    else move(list, child, at);
  }
}

/**
 * Where the browser can, without taking focus from what is moved.
 *
 * @param {any} list
 * @param {Element} child
 * @param {Element | null} before
 */
function move(list, child, before) {
  if (typeof list.moveBefore === "function") list.moveBefore(child, before);
  else list.insertBefore(child, before);
}
