// @ts-check
/**
 * Numbers, days, hours and places as the pages write them. The twin of `queries/wording.py`: the same
 * value gives the same text, to the letter.
 *
 * @module
 */

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** @param {number} number */
export function numberText(number) {
  return String(number).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** @param {number} number @param {string} one @param {string} many */
export function counted(number, one, many) {
  return `${numberText(number)} ${number === 1 ? one : many}`;
}

/** @param {number} part @param {number} whole */
export function shareText(part, whole) {
  if (part === 0 || whole === 0) return "0%";
  const percent = Math.floor((200 * part + whole) / (2 * whole));
  return percent > 0 ? `${percent}%` : "<1%";
}

/** @param {string} day `2026-11-21` */
export function dayText(day) {
  const { weekday, number, month, year } = partsOfDay(day);
  return `${weekday} ${number} ${month} ${year}`;
}

/** @param {string} day `2026-11-21` */
export function partsOfDay(day) {
  const date = new Date(`${day}T00:00:00Z`);
  return {
    weekday: WEEKDAYS[date.getUTCDay()],
    number: String(date.getUTCDate()),
    month: MONTHS[date.getUTCMonth()],
    year: String(date.getUTCFullYear()),
  };
}

/** @param {string} time `20:00:00` */
export function clockText(time) {
  return time.slice(0, 5);
}

/**
 * When a show starts on the clock of its place, and whose clock that is. Empty when that is not known.
 *
 * @param {any} show a `ShowSummary`
 */
export function startsText(show) {
  if (show.local_time === null) return "";
  const clock = clockText(show.local_time);
  return show.time_zone ? `${clock}, ${show.time_zone.replaceAll("_", " ")}` : clock;
}

/**
 * A moment on the clock of the venue, and whose clock that is.
 *
 * @param {string} at `2026-11-21T19:00:00Z`
 * @param {string | null} zoneName
 */
export function momentText(at, zoneName) {
  const format = formatIn(zoneName) ?? formatIn("UTC");
  /** @type {Record<string, string>} */
  const local = {};
  for (const { type, value } of format?.formatToParts(new Date(at)) ?? []) local[type] = value;
  const date = new Date(Date.UTC(Number(local.year), Number(local.month) - 1, Number(local.day)));
  const day = `${WEEKDAYS[date.getUTCDay()]} ${Number(local.day)} ${MONTHS[Number(local.month) - 1]}`;
  const whose = formatIn(zoneName) === null ? "UTC" : "venue time";
  return `${day}, ${local.hour}:${local.minute} ${whose}`;
}

/** @param {any} show a `ShowSummary` */
export function placeText(show) {
  const parts = [show.venue, show.city, show.region, show.country].filter(Boolean);
  return [...new Set(parts)].join(", ");
}

/** @param {any} show a `ShowSummary` */
export function artistText(show) {
  return show.artist || "Artist to be announced";
}

/** @type {Map<string, Intl.DateTimeFormat | null>} */
const formats = new Map();

/** @param {string | null} zoneName @returns {Intl.DateTimeFormat | null} null when there is no such zone */
function formatIn(zoneName) {
  if (!zoneName) return null;
  if (!formats.has(zoneName)) formats.set(zoneName, makeFormat(zoneName));
  return formats.get(zoneName) ?? null;
}

/** @param {string} timeZone */
function makeFormat(timeZone) {
  const numeric = /** @type {const} */ ("numeric");
  const twoDigits = /** @type {const} */ ("2-digit");
  try {
    return new Intl.DateTimeFormat("en-GB", {
      timeZone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: numeric,
      month: numeric,
      day: numeric,
      hour: twoDigits,
      minute: twoDigits,
    });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
