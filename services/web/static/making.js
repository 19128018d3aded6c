// @ts-check
/**
 * Elements that rows are made of.
 *
 * @module
 */

export const WHEN = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const TO_THE_SECOND = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const AGO = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });

/** The units that spans of time are told in, the largest first, in seconds. @type {[Intl.RelativeTimeFormatUnit, number][]} */
export const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

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

/**
 * @param {string} text
 * @param {() => unknown} act
 * @param {HTMLElement | string} [about] what it is done to, for those who do not see the row: words, or
 *   an element with an id
 */
export function button(text, act, about = "") {
  const made = make("button", text);
  made.type = "button";
  made.className = "small-button";
  if (about instanceof HTMLElement) {
    made.id = `${text.toLowerCase().replaceAll(" ", "-")}-${about.id}`;
    made.setAttribute("aria-labelledby", `${made.id} ${about.id}`);
  } else if (about !== "") {
    made.setAttribute("aria-label", `${text} ${about}`);
  }
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await act();
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

/** A button that looks like a link: it opens something on this page. @param {string} text @param {() => unknown} open */
export function opener(text, open) {
  const made = make("button", text);
  made.type = "button";
  made.className = "link";
  made.addEventListener("click", () => void open());
  return made;
}

/** @param {string} status @param {string} [text] */
export function tag(status, text = status) {
  const made = make("span", text);
  made.className = "tag";
  made.dataset.status = status;
  return made;
}

/** A moment, told as the distance to now: `tick` keeps it true. @param {string} at */
export function moment(at) {
  const made = make("time", distance(at));
  made.dateTime = at;
  made.title = TO_THE_SECOND.format(new Date(at));
  return made;
}

/** @param {string} at */
function distance(at) {
  const seconds = (Date.parse(at) - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  return AGO.format(Math.trunc(seconds / size), unit);
}

/** Keep all moments on the page true. */
export function tick() {
  for (const each of document.querySelectorAll("time")) {
    const text = distance(each.dateTime);
    if (each.textContent !== text) each.textContent = text;
  }
}

/** Names and values, as the children of a <dl>. @param {[string, string | Node][]} facts */
export function factItems(facts) {
  return facts.flatMap(([name, value]) => [make("dt", name), make("dd", value)]);
}

/** @param {(reason: string) => unknown} act */
export function withReason(act) {
  const reason = globalThis.prompt("Why? It is recorded, with your name.");
  return reason ? act(reason) : undefined;
}
