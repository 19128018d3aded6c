// @ts-check
/**
 * JSON Patch (RFC 6902) on values that are never changed in place: what a patch does not touch stays the
 * same object, so a frontend can compare by identity.
 *
 * @module
 */
import { unreadable } from "./problem.js";

/**
 * @typedef {null | boolean | number | string | Json[] | {[key: string]: Json}} Json
 * @typedef {{op: string, path: string, from?: string, value?: any}} Operation
 * @typedef {Json[] | {[key: string]: Json}} Container
 */

/**
 * Apply all operations, or none: the given document is left as it is.
 *
 * @param {any} document
 * @param {readonly Operation[]} patch
 * @returns {any} the new document
 * @throws {import("./problem.js").Problem} `client.unreadable` when the patch does not fit the document
 */
export function applyPatch(document, patch) {
  return new Patching(document).run(patch);
}

class Patching {
  /** Containers made during this patch: ours to change, so that many operations copy each of them once. */
  #ours = new WeakSet();
  /** @type {Json} */
  #root;

  /** @param {Json} document */
  constructor(document) {
    this.#root = document;
  }

  /** @param {readonly Operation[]} patch */
  run(patch) {
    if (!Array.isArray(patch)) throw unreadable("A patch is a list of operations.");
    for (const operation of patch) this.#apply(operation);
    return this.#root;
  }

  /** @param {Operation} operation */
  #apply({ op, path, from, value }) {
    const target = tokens(path);
    switch (op) {
      case "add":
        return this.#add(target, given(value));
      case "remove":
        return void this.#remove(target);
      case "replace":
        return this.#replace(target, given(value));
      case "move": {
        const source = tokens(from);
        if (isWithin(target, source)) throw unreadable(`A value cannot move into itself: ${path}`);
        return this.#add(target, this.#remove(source));
      }
      case "copy":
        // A copy of its own, or a later operation on one place would be seen in the other.
        return this.#add(target, structuredClone(this.#get(tokens(from))));
      case "test":
        if (isEqual(this.#get(target), given(value))) return;
        throw unreadable(`The value at ${path} is not the expected one.`);
      default:
        throw unreadable(`There is no operation ${op}.`);
    }
  }

  /** @param {string[]} path */
  #get(path) {
    return path.reduce(childOf, this.#root);
  }

  /** @param {string[]} path @param {Json} value */
  #add(path, value) {
    const key = path.at(-1);
    if (key === undefined) {
      this.#root = value;
      return;
    }
    const parent = this.#own(path.slice(0, -1));
    if (Array.isArray(parent))
      parent.splice(key === "-" ? parent.length : index(key, parent.length), 0, value);
    else put(parent, key, value);
  }

  /** @param {string[]} path @returns {Json} what was there */
  #remove(path) {
    const gone = this.#get(path);
    const key = path.at(-1);
    if (key === undefined) {
      this.#root = null;
      return gone;
    }
    const parent = this.#own(path.slice(0, -1));
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
    return gone;
  }

  /** @param {string[]} path @param {Json} value */
  #replace(path, value) {
    this.#get(path);
    const key = path.at(-1);
    if (key === undefined) {
      this.#root = value;
      return;
    }
    const parent = this.#own(path.slice(0, -1));
    if (Array.isArray(parent)) parent[Number(key)] = value;
    else put(parent, key, value);
  }

  /**
   * The container at the path, after it and all above it became ours.
   *
   * @param {string[]} path
   * @returns {Container}
   */
  #own(path) {
    let node = this.#ourCopy(this.#root);
    this.#root = node;
    for (const key of path) {
      const child = this.#ourCopy(childOf(node, key));
      if (Array.isArray(node)) node[Number(key)] = child;
      else put(node, key, child);
      node = child;
    }
    return node;
  }

  /** @param {Json} node @returns {Container} */
  #ourCopy(node) {
    if (node === null || typeof node !== "object") throw unreadable("A path leads through a plain value.");
    if (this.#ours.has(node)) return node;
    const copy = Array.isArray(node) ? node.slice() : { ...node };
    this.#ours.add(copy);
    return copy;
  }
}

/** @param {Json} node @param {string} key @returns {Json} */
function childOf(node, key) {
  if (Array.isArray(node)) return /** @type {Json} */ (node[index(key, node.length - 1)]);
  if (node !== null && typeof node === "object" && Object.hasOwn(node, key))
    return /** @type {Json} */ (node[key]);
  throw unreadable(`There is nothing at ${key}.`);
}

/**
 * Set an own property, also one called `__proto__`.
 *
 * @param {{[key: string]: Json}} node
 * @param {string} key
 * @param {Json} value
 */
function put(node, key, value) {
  if (key === "__proto__") {
    Object.defineProperty(node, key, { value, writable: true, enumerable: true, configurable: true });
  } else node[key] = value;
}

/** @param {string} key @param {number} most */
function index(key, most) {
  const number = /^(0|[1-9][0-9]*)$/.test(key) ? Number(key) : Number.NaN;
  if (!(number <= most)) throw unreadable(`There is no place ${key} in this list.`);
  return number;
}

/** @param {string | undefined} pointer a JSON Pointer (RFC 6901) @returns {string[]} */
function tokens(pointer) {
  if (pointer === "") return [];
  if (typeof pointer !== "string" || !pointer.startsWith("/"))
    throw unreadable("A path begins with a slash.");
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** @param {string[]} inner @param {string[]} outer */
function isWithin(inner, outer) {
  return inner.length > outer.length && outer.every((token, at) => token === inner[at]);
}

/** @param {Json | undefined} value @returns {Json} */
function given(value) {
  if (value === undefined) throw unreadable("The operation needs a value.");
  return value;
}

/** @param {Json} one @param {Json} other @returns {boolean} */
function isEqual(one, other) {
  if (one === other) return true;
  if (one === null || other === null || typeof one !== "object" || typeof other !== "object") return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
    return one.every((item, at) => isEqual(item, /** @type {Json} */ (other[at])));
  }
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every(
    (key) =>
      Object.hasOwn(other, key) && isEqual(/** @type {Json} */ (one[key]), /** @type {Json} */ (other[key])),
  );
}
