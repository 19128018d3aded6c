// @ts-check
/**
 * What sources say of records, as rows, and the words for it.
 *
 * @module
 */
import { button, make, moment, opener, tag } from "./making.js";
import { sourceText } from "./subjects.js";

/**
 * @typedef {object} RecordActs
 * @property {(kind: string, recordId: string, field: string, source: string | null) => Promise<unknown>} settle
 * @property {(kind: string, recordId: string) => void} open
 */

/** The field of a record by which commands name it. (A setlist is named as its show is.) @param {string} kind */
export function keyOf(kind) {
  return kind === "setlist" ? "show_id" : `${kind}_id`;
}

/** @param {string} field `local_time` */
function fieldText(field) {
  return field === "sets" ? "songs" : field.replace(/_id$/, "").replaceAll("_", " ");
}

/**
 * What is said of a field, in words; ids by the names of what they stand for.
 *
 * @param {unknown} value
 * @param {Record<string, string>} names
 * @returns {string}
 */
function valueText(value, names) {
  if (typeof value === "string") return names[value] ?? value;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (isSets(value)) {
    return value
      .map(({ name, songs }, at) => {
        const titles = songs.map(({ song_id }) => names[song_id] ?? song_id).join(", ");
        return `${name ?? `Set ${at + 1}`}: ${titles}`;
      })
      .join(". ");
  }
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}

/** @param {unknown} value @returns {value is {name: string | null, songs: {song_id: string}[]}[]} */
function isSets(value) {
  return Array.isArray(value) && value.length > 0 && value.every((each) => Array.isArray(each?.songs));
}

/** A field of which sources say different things. @param {any} dispute @param {RecordActs} acts */
export function disputeItem({ kind, record_id, field, sayings, said_at, held, names }, acts) {
  const key = `${kind}-${record_id}-${field}`;
  const heading = make("h3", `${fieldText(field)} of the ${kind} `, opener(names[record_id] ?? record_id, () => acts.open(kind, record_id)));
  const said = Object.entries(sayings).sort(([one], [other]) => Number(other === held) - Number(one === held));
  const rows = said.map(([source, value]) => {
    const words = make("strong", valueText(value, names));
    words.id = `says-${source}-${key}`;
    const who = make("small", `${sourceText(source)}, `, moment(said_at[source]), " ");
    if (source === held) who.append(tag("held", "believed"));
    return make("li", make("span", words, who), button("This is so", () => acts.settle(kind, record_id, field, source), words));
  });
  return make("li", heading, make("ul", ...rows));
}

/** What one source says of one field. @param {any} saying @param {RecordActs} acts */
export function sayingRow({ kind, record_id, field, value, source, said_at, is_held, is_disputed, names }, acts) {
  const words = make("span", valueText(value, names));
  words.id = `word-${source}-${field}`;
  const who = make("td", sourceText(source), ", ", moment(said_at));
  if (is_held) who.append(" ", tag("held", "believed"));
  const acting = make("td");
  if (source === "people") acting.append(button("Take back", () => acts.settle(kind, record_id, field, null), words));
  else if (is_disputed) acting.append(button("This is so", () => acts.settle(kind, record_id, field, source), words));
  return make("tr", make("td", fieldText(field)), make("td", words), who, acting);
}
