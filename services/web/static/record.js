// @ts-check
/**
 * One record of the catalog: who says what of it, whom to believe, and which other it is, or is not.
 *
 * @module
 */
import { sayingRow } from "./disputes-rows.js";
import { drawLive, lister, offer, sayingAt } from "./live-list.js";
import { button, factItems, make } from "./making.js";
import { element } from "./page-state.js";
import { showText, sourceText } from "./subjects.js";
/** @import { Client } from "../client/index.js" */
/** @import { RecordActs } from "./disputes-rows.js" */

const ALIKE_MAX = 20;
const SHOWS_MAX = 200;

/**
 * @param {Client} client
 * @param {(name: string, args: Record<string, unknown>) => Promise<unknown>} send
 * @param {RecordActs} acts
 * @returns {(kind: string, recordId: string) => void} shows a record
 */
export function recordDialog(client, send, acts) {
  const dialog = /** @type {HTMLDialogElement} */ (element("record"));
  const say = sayingAt("record-said");
  const merge = /** @type {HTMLFormElement} */ (element("merge"));
  const into = /** @type {HTMLSelectElement} */ (merge.elements.namedItem("into_id"));
  let stop = () => {};
  /** What is shown. @type {{kind: string, record_id: string, name: string}} */
  let shown = { kind: "", record_id: "", name: "" };

  const drawSayings = lister({
    name: "sayings",
    keyOf: ({ field, source }) => `${field} ${source}`,
    rowOf: (saying) => sayingRow(saying, acts),
  });

  /** @param {any} record */
  function draw(record) {
    const { kind, record_id, into_id, merged, sources, names } = record;
    const name = names[record_id] ?? record_id;
    element("record-heading").textContent = `The ${kind} ${name}`;
    element("record-facts").replaceChildren(...factItems(factsOf(record)));
    drawSayings(sayingsOf(record));
    // A setlist is what its show is.
    const about = { kind: kind === "setlist" ? "show" : kind, from_id: record_id };
    element("sources").replaceChildren(
      ...sources
        .filter((/** @type {any} */ { source, fields }) => source !== "people" && fields.length > 0)
        .map((/** @type {any} */ source) => sourceItem(source, about)),
    );
    merge.toggleAttribute("hidden", into_id !== null || merged.includes(record_id));
    if (shown.name !== name) {
      shown = { kind: about.kind, record_id, name };
      void offerOthers();
    }
  }

  /** @param {any} source @param {{kind: string, from_id: string}} about */
  function sourceItem({ source, external_id, own_id }, about) {
    const item = make("li", make("strong", sourceText(source)));
    item.append(external_id === null ? " " : make("small", ` calls it ${external_id} `));
    if (own_id === null || own_id === about.from_id) {
      const why = own_id === null ? "It has no id for it that could be another record's." : "The record is called after it: merge the others elsewhere.";
      item.append(make("small", why));
      return item;
    }
    const split = () => {
      const question = `What ${sourceText(source)} says becomes a record of its own, and the two are not matched again. Go on?`;
      if (globalThis.confirm(question)) return send("catalog.split-records", { ...about, record_id: own_id, source });
      return null;
    };
    item.append(button("It was about something else", split, sourceText(source)));
    return item;
  }

  /** Records that this one may be: of shows those of its artist on that day and beside it. */
  async function offerOthers() {
    const { kind, record_id, name } = shown;
    const found = kind === "show" ? await showsBeside(record_id) : await alike(kind, name);
    if (shown.record_id !== record_id) return;
    const others = found.filter(([id]) => id !== record_id);
    offer(into, others);
    for (const each of merge.querySelectorAll("label, button")) each.toggleAttribute("hidden", others.length === 0);
    element("merge-none").toggleAttribute("hidden", others.length > 0);
  }

  /** @param {string} kind @param {string} name @returns {Promise<[string, string][]>} */
  async function alike(kind, name) {
    const { hits } = await client.ask("catalog.search", { text: name.slice(0, 100), kinds: [kind], limit: ALIKE_MAX });
    return hits.map((/** @type {any} */ hit) => [hit.id, [hit.name, hit.of, hit.id].filter(Boolean).join(", ")]);
  }

  /** @param {string} showId @returns {Promise<[string, string][]>} */
  async function showsBeside(showId) {
    const { show } = await client.ask("catalog.get-show", { show_id: showId });
    const { shows } = await client.ask("catalog.list-shows", { artist_id: show.artist_id, limit: SHOWS_MAX });
    const day = (/** @type {any} */ { local_date }) => Date.parse(local_date) / 86_400_000;
    return shows
      .filter((/** @type {any} */ other) => Math.abs(day(other) - day(show)) <= 1)
      .map((/** @type {any} */ other) => [other.show_id, `${showText(other)}, ${other.show_id}`]);
  }

  merge.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { kind, record_id, name } = shown;
    const other = into.selectedOptions[0]?.textContent ?? "";
    const question = `${name} is shown no more, and what belonged to it belongs to ${other}. Go on?`;
    if (!globalThis.confirm(question)) return;
    if (await send("catalog.merge-records", { kind, record_id, into_id: into.value })) dialog.close();
  });
  dialog.addEventListener("close", () => stop());

  return (kind, recordId) => {
    stop();
    say("");
    shown = { kind: "", record_id: "", name: "" };
    stop = drawLive(client, "catalog.get-sayings", { kind, record_id: recordId }, draw, say);
    if (!dialog.open) dialog.showModal();
  };
}

/** @param {any} record @returns {[string, string][]} */
function factsOf({ kind, record_id, into_id, merged, names }) {
  /** @type {[string, string][]} */
  const facts = [["Id here", record_id]];
  if (into_id !== null) facts.push(["Is part of", names[into_id] ?? into_id]);
  if (merged.length > 0) facts.push([`The same ${kind}`, merged.join(", ")]);
  return facts;
}

/** Each field as each source has it, those of one field together. @param {any} record @returns {any[]} */
function sayingsOf({ kind, record_id, sources, names }) {
  const found = sources.flatMap((/** @type {any} */ { source, fields }) =>
    fields.map((/** @type {any} */ each) => ({ ...each, kind, record_id, source, names })),
  );
  return found
    .map((/** @type {any} */ each) => ({ ...each, is_disputed: isDisputed(each.field, found) }))
    .sort((/** @type {any} */ one, /** @type {any} */ other) => one.field.localeCompare(other.field) || other.is_held - one.is_held);
}

/** @param {string} field @param {any[]} sayings */
function isDisputed(field, sayings) {
  const said = sayings.filter((each) => each.field === field).map(({ value }) => JSON.stringify(value));
  return new Set(said).size > 1;
}
