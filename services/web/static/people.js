// @ts-check
/**
 * Sessions and users as rows.
 *
 * @module
 */
import { Problem } from "../client/index.js";
import { showActs } from "./acts.js";
import { confirmed } from "./confirm.js";
import { drawLive, sayingAt } from "./live-list.js";
import { button, make, WHEN, withReason } from "./making.js";
import { element } from "./page-state.js";
/** @import { Client } from "../client/index.js" */

/** @typedef {(name: string, args: Record<string, unknown>) => Promise<any>} SendCommand */

const ACTING_MINUTES = 30;
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

/** Become a user, for a while. @param {Client} client @param {string} userId @param {string} reason */
async function actAs(client, userId, reason) {
  const wanted = { user_id: userId, reason, minutes: ACTING_MINUTES };
  client.session.signIn(await confirmed(client, "auth.impersonate-user", wanted));
  location.assign("/");
}

/** @param {HTMLElement} body @param {Client} client @param {SendCommand} command */
export function showUsers(body, client, command) {
  const say = sayingAt("users-said");
  /** @param {Promise<unknown>} doing @returns {Promise<boolean>} whether it was done */
  const watched = async (doing) => {
    try {
      await doing;
      say("");
      return true;
    } catch (error) {
      say(Problem.from(error).title);
      return false;
    }
  };
  /** @param {string} name @param {Record<string, unknown>} args */
  const send = (name, args) => watched(command(name, args));
  /** @param {string} name @param {Record<string, unknown>} args */
  const sendSurely = (name, args) => watched(confirmed(client, name, args));
  /** @type {Map<string, string>} */
  const names = new Map();
  const nameOf = (/** @type {string} */ userId) => names.get(userId) ?? userId;
  /** @param {any} user */
  const actsOn = (user) => [
    button("Acts", () => showActs(client, user, nameOf, send)),
    ...(user.role === "member" && !user.banned
      ? [button("Act as", () => withReason((reason) => watched(actAs(client, user.user_id, reason))))]
      : []),
  ];
  /** @param {{users: any[]}} found */
  const draw = ({ users }) => {
    for (const user of users) names.set(user.user_id, user.display_name ?? user.email ?? user.user_id);
    body.replaceChildren(...users.map((user) => userRow(user, send, sendSurely, actsOn(user))));
  };
  let stop = () => {};
  const form = /** @type {HTMLFormElement} */ (element("search"));
  const list = () => {
    stop();
    const wanted = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]);
    const args = Object.fromEntries(wanted.filter(([, value]) => value !== ""));
    stop = drawLive(client, "auth.list-users", { limit: 100, ...args }, draw, say);
  };
  form.addEventListener("input", list);
  list();
}

/** @param {any} user @param {SendCommand} send @param {SendCommand} sendSurely @param {HTMLElement[]} more */
function userRow(user, send, sendSurely, more) {
  const about = { user_id: user.user_id };
  const role = make("select", ...["member", "moderator", "admin"].map((name) => make("option", name)));
  role.value = user.role;
  role.setAttribute("aria-label", "Role");
  role.addEventListener("change", async () => {
    if (!(await sendSurely("auth.set-role", { ...about, role: role.value }))) role.value = user.role;
  });
  const names = [user.username, user.email].filter(Boolean).join(" · ") || user.user_id;
  const reset = (/** @type {string} */ reason) => sendSurely("auth.reset-second-factor", { ...about, reason });
  const acts = make(
    "td",
    user.suspended
      ? button("Reinstate", () => send("auth.reinstate-user", about))
      : button("Suspend", () => withReason((reason) => send("auth.suspend-user", { ...about, reason }))),
    button("Sign out", () => send("auth.end-sessions-of-user", about)),
    user.banned
      ? button("Unban", () => withReason((reason) => send("auth.unban-user", { ...about, reason })))
      : button("Ban", () => withReason((reason) => send("auth.ban-user", { ...about, reason }))),
    ...(user.second_factor ? [button("Reset second factor", () => withReason(reset))] : []),
    ...more,
  );
  return make(
    "tr",
    make("td", make("strong", user.display_name ?? user.kind), make("br"), make("small", names)),
    make("td", WHEN.format(new Date(user.registered_at))),
    make("td", role),
    make("td", user.status),
    acts,
  );
}
