// @ts-check
/**
 * Live lists and live details of the pages of administrators.
 *
 * @module
 */
import { newKey, Problem } from "../client/index.js";
import { setText } from "./bind.js";
import { make } from "./making.js";
import { element, oncePerFrame } from "./page-state.js";
/** @import { Client } from "../client/index.js" */

/**
 * What goes wrong is said at one place of a page, by the id of that element.
 *
 * @param {string} id
 * @returns {(text: string) => void}
 */
export function sayingAt(id) {
  const said = element(id);
  return (text) => {
    setText(said, text);
    said.toggleAttribute("hidden", text === "");
  };
}

/**
 * A way to send commands that says it when one is refused.
 *
 * @param {Client} client
 * @param {(text: string) => void} say
 * @returns {(name: string, args: Record<string, unknown>) => Promise<any>} the answer; null when there is none
 */
export function sender(client, say) {
  return async (name, args) => {
    try {
      const answer = await client.command(name, args, { key: newKey() });
      say("");
      return answer;
    } catch (error) {
      say(Problem.from(error).message);
      return null;
    }
  };
}

/**
 * Draw the result of a query, now and whenever it changes.
 *
 * @param {Client} client
 * @param {string} query
 * @param {Record<string, unknown>} args
 * @param {(result: any) => void} draw
 * @param {(text: string) => void} say
 * @returns {() => void} stops it
 */
export function drawLive(client, query, args, draw, say) {
  const live = client.query(query, args, { personal: true });
  let isOver = false;
  const drawn = oncePerFrame(() => {
    const { result, problem } = live.getSnapshot();
    if (isOver) return;
    if (problem) say(problem.title);
    if (result) draw(result);
  });
  const stop = live.subscribe(drawn);
  drawn();
  return () => {
    isOver = true;
    stop();
  };
}

/**
 * A list on the page: `<tbody id=name>`, with `name-empty` and `name-count` beside it.
 *
 * @typedef {object} Listed
 * @property {string} name
 * @property {(item: any) => string} keyOf
 * @property {(item: any) => HTMLElement} rowOf What its buttons do follows from the key of the item and
 *   from what they show: a button that looks the same stays.
 */

/** @param {Listed} listed @returns {(items: any[], hasMore?: boolean) => void} draws the list */
export function lister({ name, keyOf, rowOf }) {
  const body = element(name);
  /** @type {Map<string, {text: string, row: HTMLElement}>} */
  let known = new Map();
  return (items, hasMore = false) => {
    known = new Map(
      items.map((item) => {
        const [key, text] = [keyOf(item), JSON.stringify(item)];
        const before = known.get(key);
        if (before === undefined) return [key, { text, row: rowOf(item) }];
        if (before.text !== text) renew(before.row, rowOf(item));
        return [key, { text, row: before.row }];
      }),
    );
    putInOrder(body, [...known.values()].map(({ row }) => row));
    element(`${name}-empty`).toggleAttribute("hidden", items.length > 0);
    setText(element(`${name}-count`), hasMore ? `first ${items.length}` : "");
  };
}

/** Fill a list that is shown anew as a whole, with `name-empty` beside it. @param {string} name @param {HTMLElement[]} items */
export function fillList(name, items) {
  element(name).replaceChildren(...items);
  element(`${name}-empty`).toggleAttribute("hidden", items.length > 0);
}

/**
 * Make a row look like another, and leave alone what does already: nobody loses the button under their finger.
 *
 * @param {HTMLElement} row
 * @param {HTMLElement} fresh
 */
export function renew(row, fresh) {
  const [cells, news] = [[...row.children], [...fresh.children]];
  if (cells.length !== news.length) {
    row.replaceChildren(...news);
    return;
  }
  for (const [at, cell] of cells.entries()) {
    const other = /** @type {HTMLElement} */ (news[at]);
    if (cell.isEqualNode(other)) continue;
    const focused = [...cell.querySelectorAll("button, a")].indexOf(/** @type {Element} */ (document.activeElement));
    cell.replaceWith(other);
    if (focused >= 0) /** @type {HTMLElement} */ (other.querySelectorAll("button, a")[focused])?.focus();
  }
}

/** @param {HTMLElement} body @param {HTMLElement[]} rows */
function putInOrder(body, rows) {
  const wanted = new Set(rows);
  for (const child of [...body.children]) if (!wanted.has(/** @type {HTMLElement} */ (child))) child.remove();
  for (const [at, row] of rows.entries()) {
    if (body.children[at] !== row) body.insertBefore(row, body.children[at] ?? null);
  }
}

/** The options of a <select>, keeping what is chosen. @param {HTMLSelectElement} select @param {[string, string][]} options */
export function offer(select, options) {
  const chosen = select.value;
  const made = options.map(([value, text]) => {
    const option = make("option", text);
    option.value = value;
    return option;
  });
  select.replaceChildren(...made);
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}
