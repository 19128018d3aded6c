// @ts-check
/**
 * Sessions and users as rows.
 *
 * @module
 */
import { Problem } from "../client/index.js";
import { setText } from "./bind.js";
import { element } from "./page-state.js";
/** @import { Client } from "../client/index.js" */

/** @typedef {(name: string, args: Record<string, unknown>) => Promise<any>} SendCommand */

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

const BROWSERS = [
  ["Edg", "Edge"],
  ["OPR", "Opera"],
  ["Firefox", "Firefox"],
  ["Chrome", "Chrome"],
  ["Safari", "Safari"],
];
const SYSTEMS = [
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Mac OS", "Mac"],
  ["Windows", "Windows"],
  ["Linux", "Linux"],
];

/** What a person would call what a browser says of itself. @param {string} agent */
export function deviceName(agent) {
  const named = (/** @type {string[][]} */ names) => names.find(([sign]) => agent.includes(sign ?? ""))?.[1];
  const browser = named(BROWSERS);
  const system = named(SYSTEMS);
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? (agent || "A device");
}

/** @param {any} session @param {boolean} isHere @param {() => unknown} end */
export function sessionRow(session, isHere, end) {
  const when = `since ${WHEN.format(new Date(session.opened_at))}, last seen ${WHEN.format(new Date(session.renewed_at))}`;
  const row = make("li", make("strong", deviceName(session.device ?? "")), make("small", ` ${when} `));
  row.append(isHere ? make("em", "this one") : button("Sign out", end));
  return row;
}

/** @param {HTMLElement} body @param {Client} client @param {SendCommand} command */
export function showUsers(body, client, command) {
  const said = element("users-said");
  /** @param {string} name @param {Record<string, unknown>} args */
  const send = (name, args) =>
    command(name, args).then(
      () => said.setAttribute("hidden", ""),
      (error) => {
        setText(said, Problem.from(error).title);
        said.removeAttribute("hidden");
      },
    );
  let stop = () => {};
  /** @param {string} search */
  const list = (search) => {
    stop();
    const listed = client.query("auth.list-users", { limit: 100, ...(search && { search }) }, { personal: true });
    const draw = () => {
      const { result, problem } = listed.getSnapshot();
      if (problem) {
        setText(said, problem.title);
        said.removeAttribute("hidden");
      }
      body.replaceChildren(...(result?.users ?? []).map((/** @type {any} */ user) => userRow(user, send)));
    };
    stop = listed.subscribe(draw);
    draw();
  };
  const search = /** @type {HTMLInputElement} */ (element("search").querySelector("input"));
  search.addEventListener("input", () => list(search.value.trim()));
  list("");
}

/** @param {any} user @param {SendCommand} send */
function userRow(user, send) {
  const about = { user_id: user.user_id };
  const role = make("select", ...["member", "moderator", "admin"].map((name) => make("option", name)));
  role.value = user.role;
  role.setAttribute("aria-label", "Role");
  role.addEventListener("change", () => void send("auth.set-role", { ...about, role: role.value }));
  const standing = user.banned ? "banned" : user.suspended ? "suspended" : "good";
  const acts = make(
    "td",
    user.suspended
      ? button("Reinstate", () => send("auth.reinstate-user", about))
      : button("Suspend", () => send("auth.suspend-user", about)),
    button("Sign out", () => send("auth.end-sessions-of-user", about)),
    user.banned
      ? button("Unban", () => withReason((reason) => send("auth.unban-user", { ...about, reason })))
      : button("Ban", () => withReason((reason) => send("auth.ban-user", { ...about, reason }))),
  );
  return make(
    "tr",
    make("td", make("strong", user.display_name ?? user.kind), make("br"), make("small", user.email ?? user.user_id)),
    make("td", WHEN.format(new Date(user.registered_at))),
    make("td", role),
    make("td", standing),
    acts,
  );
}

/** @param {(reason: string) => unknown} act */
function withReason(act) {
  const reason = globalThis.prompt("Why? It is recorded, with your name.");
  if (reason) act(reason);
}
