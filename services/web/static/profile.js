// @ts-check
/**
 * One's own profile as a form, and what is shown to whoever leaves.
 *
 * @module
 */
import { setText } from "./bind.js";
import { element } from "./page-state.js";
/** @import { Client } from "../client/index.js" */

/** @typedef {(name: string, args: Record<string, unknown>) => Promise<any>} SendCommand */

const FIELDS = ["username", "display_name", "bio", "avatar"];
const LINKS_MAX = 10;
const DAY = new Intl.DateTimeFormat("en", { dateStyle: "long" });

/** @type {any} What is known of the profile; null until it is. */
let known = null;
let isTouched = false;

/** Fill the form in, and keep it true as long as nobody writes into it. @param {Client} client */
export function showProfile(client) {
  const form = /** @type {HTMLFormElement} */ (element("profile"));
  const profile = client.query("auth.get-my-profile", {}, { personal: true });
  form.addEventListener("input", () => {
    isTouched = true;
  });
  element("add-link").addEventListener("click", () => {
    isTouched = true;
    addLink({ label: "", url: "" }).querySelector("input")?.focus();
  });
  profile.subscribe(() => {
    known = profile.getSnapshot().result ?? known;
    if (known !== null && !isTouched) fill(form);
  });
}

/** Save what was changed, and nothing else. @param {SendCommand} command @returns {Promise<string | null>} the name others see */
export async function saveProfile(command) {
  const form = /** @type {HTMLFormElement} */ (element("profile"));
  /** @type {Record<string, unknown>} */
  const changed = {};
  for (const name of FIELDS) {
    const said = field(form, name).value.trim();
    if (said !== (known?.[name] ?? "")) changed[name] = said;
  }
  const links = [...element("links").children].map((row) => ({
    label: value(row, "[data-label]"),
    url: value(row, "[data-url]"),
  }));
  if (JSON.stringify(links) !== JSON.stringify(known?.links ?? [])) changed.links = links;
  await command("auth.change-profile", changed);
  known = { ...known, ...changed };
  isTouched = false;
  return known.display_name || null;
}

/** Say until when somebody who has left can come back. @param {string} erasedAt */
export function sayGoodbye(erasedAt) {
  const heading = document.createElement("h1");
  setText(heading, "You have left");
  const text = document.createElement("p");
  setText(text, `Sign in before ${DAY.format(new Date(erasedAt))} to have everything back. On that day it is erased.`);
  const main = element("main");
  main.replaceChildren(heading, text);
  main.focus();
}

/** @param {HTMLFormElement} form */
function fill(form) {
  for (const name of FIELDS) field(form, name).value = known[name] ?? "";
  element("links").replaceChildren();
  for (const link of known.links) addLink(link);
  limitLinks();
}

/** @param {{label: string, url: string}} link */
function addLink(link) {
  const template = /** @type {HTMLTemplateElement} */ (element("link"));
  const row = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  input(row, "[data-label]").value = link.label;
  input(row, "[data-url]").value = link.url;
  row.querySelector("[data-remove]")?.addEventListener("click", () => {
    isTouched = true;
    row.remove();
    limitLinks();
    element("add-link").focus();
  });
  element("links").append(row);
  limitLinks();
  return row;
}

function limitLinks() {
  element("add-link").toggleAttribute("disabled", element("links").children.length >= LINKS_MAX);
}

/** @param {HTMLFormElement} form @param {string} name */
function field(form, name) {
  return /** @type {HTMLInputElement | HTMLTextAreaElement} */ (form.elements.namedItem(name));
}

/** @param {Element} row @param {string} selector */
function input(row, selector) {
  return /** @type {HTMLInputElement} */ (row.querySelector(selector));
}

/** @param {Element} row @param {string} selector */
function value(row, selector) {
  return input(row, selector).value.trim();
}
