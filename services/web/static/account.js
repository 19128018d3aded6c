// @ts-check
/**
 * The pages of an account: signing in and up, what a mail leads to, and all that can be changed.
 *
 * @module
 */
import { newKey, Problem } from "../client/index.js";
import { setText } from "./bind.js";
import { confirmed, keepConfirmation } from "./confirm.js";
import { finishProvider, offerWays } from "./entering.js";
import { showKeys } from "./keys.js";
import { connect, readState } from "./page-state.js";
import { sessionRow, showUsers } from "./people.js";
import { saveProfile, sayGoodbye, showProfile } from "./profile.js";
import { showWays } from "./ways.js";
import { openSession } from "./who.js";
/** @import { Credentials } from "../client/index.js" */

const client = connect(readState());

/** What a link in a mail ends with. It stays out of the history, and is never sent with an address. */
const proof = location.hash.slice(1);

/** What a provider sends the browser back with. */
const answered = new URLSearchParams(location.search || proof);
const callback = /** @type {HTMLElement | null} */ (document.querySelector("[data-callback]"));
if (location.hash !== "" || location.search !== "") history.replaceState(null, "", location.pathname);

/** The address a mail was sent to, for whoever types its code. */
let mailedTo = "";

/** What a sign-in that is half done goes on with. @type {Record<string, unknown>} */
let halfDone = {};

/** @typedef {Record<string, string>} Fields */

/** @type {Record<string, (fields: Fields) => Promise<string>>} */
const forms = {
  "sign-in": ({ email = "", ...fields }) =>
    signedIn(
      email.includes("@")
        ? openSession("sign-in", { email, ...fields })
        : openSession("username", { username: email, ...fields }),
    ),
  "second-factor": ({ code = "" }) => signedIn(openSession("second-factor", { ...halfDone, code })),
  code: ({ code = "" }) => signedIn(openSession("code", { email: mailedTo, code })),
  proof: () => signedIn(openSession("proof", { proof })),
  reset: ({ password = "" }) => signedIn(openSession("reset", { proof, password })),
  "sign-up": async ({ display_name, ...fields }) => {
    await command("auth.sign-up", display_name ? { ...fields, display_name } : fields);
    return "Look into your mail: the link in it completes this.";
  },
  "send-sign-in-mail": async ({ email = "" }) => {
    await command("auth.send-sign-in-mail", { email });
    mailedTo = email;
    show("code");
    return "If this address has an account, a mail is on its way.";
  },
  "send-password-reset": async (fields) => {
    await command("auth.send-password-reset", fields);
    return "If this address has an account, a mail is on its way.";
  },
  "change-profile": async () => {
    const display_name = await saveProfile(command);
    const present = client.session.getSnapshot();
    if (present !== null) client.session.signIn({ ...present, display_name });
    return "Saved.";
  },
  "change-password": async (fields) => {
    const keep = client.session.getSnapshot()?.session_id ?? null;
    await confirmed(client, "auth.change-password", { ...fields, keep });
    return "Your password is another one now, and other devices are signed out.";
  },
  leave: async () => {
    const { erased_at } = await confirmed(client, "auth.leave", {});
    await forgetSession();
    sayGoodbye(erased_at);
    return "";
  },
  "erase-me": async () => {
    await confirmed(client, "auth.erase-me", {});
    return signedOut();
  },
};

/** @param {string} name @param {Record<string, unknown>} args */
function command(name, args) {
  return client.command(name, args, { key: newKey() });
}

/** @param {Promise<Credentials>} opening */
async function signedIn(opening) {
  try {
    const { confirmation, ...credentials } = await opening;
    keepConfirmation(confirmation);
    client.session.signIn(credentials);
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "auth.second-factor-needed") throw error;
    const { challenge_id, ticket } = /** @type {any} */ (error.document);
    halfDone = { challenge_id, ticket };
    for (const form of document.querySelectorAll("[data-form], .offered")) form.setAttribute("hidden", "");
    show("second-factor");
    return "";
  }
  location.assign("/");
  return "Welcome.";
}

async function forgetSession() {
  keepConfirmation(null);
  await openSession("end").catch(() => null); // The session is over; the cookie alone opens nothing.
  client.session.signOut();
}

async function signedOut() {
  await forgetSession();
  location.assign("/");
  return "Goodbye.";
}

/** @param {string} name */
function show(name) {
  document.querySelector(`[data-form="${name}"]`)?.removeAttribute("hidden");
}

/** @param {HTMLElement} form @param {string} text @param {boolean} isTrouble */
function say(form, text, isTrouble) {
  const said = form.querySelector("[data-said]");
  if (said === null) return;
  setText(said, text);
  said.toggleAttribute("hidden", text === "");
  said.classList.toggle("said-trouble", isTrouble);
}

/** @param {HTMLFormElement} form */
async function submit(form) {
  const act = forms[form.dataset.form ?? ""];
  const button = form.querySelector("button");
  if (act === undefined || button === null) return;
  button.disabled = true;
  say(form, "", false);
  try {
    const fields = /** @type {Fields} */ (Object.fromEntries(new FormData(form)));
    say(form, await act(fields), false);
  } catch (error) {
    say(form, Problem.from(error).title, true);
  } finally {
    button.disabled = false;
  }
}

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void submit(form);
  });
}

if (document.querySelector("[data-signed-in]") !== null && client.session.getSnapshot()?.session_id === undefined) {
  location.replace("/sign-in");
}

const confirming = /** @type {HTMLFormElement | null} */ (document.querySelector('[data-form="proof"]'));
if (confirming !== null && proof === "") {
  say(confirming, "Open the link in your mail once more: it was left behind.", true);
}

if (proof !== "" && callback === null) {
  show("reset");
  document.querySelector('[data-form="send-password-reset"]')?.setAttribute("hidden", "");
}

// ---------------------------------------------------------------------------------- one's own account

const sessions = document.getElementById("sessions");
if (sessions !== null) {
  const me = client.query("auth.get-me", {}, { personal: true });
  const mine = client.query("auth.list-sessions", {}, { personal: true });
  const here = () => client.session.getSnapshot()?.session_id;
  me.subscribe(() => {
    const who = me.getSnapshot().result;
    if (!who) return;
    setText(/** @type {Element} */ (document.getElementById("me-email")), who.email ?? "");
  });
  showProfile(client);
  mine.subscribe(() => {
    const rows = mine.getSnapshot().result?.sessions ?? [];
    sessions.replaceChildren(
      ...rows.map((/** @type {any} */ row) =>
        sessionRow(row, row.session_id === here(), () =>
          command("auth.end-session", { session_id: row.session_id }),
        ),
      ),
    );
  });
  document.getElementById("end-others")?.addEventListener("click", () => {
    void command("auth.end-all-sessions", { keep: here() ?? null });
  });
  document.getElementById("sign-out")?.addEventListener("click", async () => {
    await command("auth.end-session", { session_id: here() });
    await signedOut();
  });
  document.getElementById("export")?.addEventListener("click", async () => {
    const held = await client.ask("auth.export-me", {});
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(held, null, 2)], { type: "application/json" }));
    link.download = "backline-data.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });
}

if (document.getElementById("identities") !== null) showWays(client);
if (document.getElementById("keys") !== null) showKeys(client);

/** @param {HTMLElement} place @param {() => Promise<Credentials>} opening */
async function enter(place, opening) {
  say(place, "", false);
  try {
    await signedIn(opening());
  } catch (error) {
    say(place, Problem.from(error).title, true);
  }
}

const offered = /** @type {HTMLElement | null} */ (document.querySelector("[data-ways]"));
if (offered !== null) offerWays(offered, client, (opening) => enter(offered, opening));

if (callback !== null) {
  void enter(callback, async () => {
    const session = await finishProvider(client, answered);
    if (session !== null) return session;
    location.replace("/account");
    return new Promise(() => {}); // The page is about to go.
  });
}

const users = document.getElementById("users");
if (users !== null) showUsers(users, client, command);
