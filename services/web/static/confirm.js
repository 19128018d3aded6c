// @ts-check
/**
 * Dangerous steps: they ask for a confirmation, which a sign-in gives, or else the person at the keyboard.
 *
 * @module
 */
import { newKey, Problem } from "../client/index.js";
import { setText } from "./bind.js";
import { showPasskey } from "./passkeys.js";
import { element } from "./page-state.js";
/** @import { Client } from "../client/index.js" */

const STORED_AS = "backline.confirmation";

/** Keep what a sign-in gave, for this tab. @param {string | null | undefined} confirmation */
export function keepConfirmation(confirmation) {
  if (confirmation) sessionStorage.setItem(STORED_AS, confirmation);
  else sessionStorage.removeItem(STORED_AS);
}

/**
 * Send a command that asks for a confirmation; if the one at hand is none, ask the person for another.
 *
 * @param {Client} client
 * @param {string} name
 * @param {Record<string, unknown>} args
 * @returns {Promise<any>}
 */
export async function confirmed(client, name, args) {
  const send = (/** @type {string} */ confirmation) =>
    client.command(name, { ...args, confirmation }, { key: newKey() });
  try {
    return await send(sessionStorage.getItem(STORED_AS) ?? "");
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "auth.confirmation-needed") throw error;
  }
  const fresh = await askThePerson(client);
  keepConfirmation(fresh);
  return send(fresh);
}

/**
 * The dialog: a password, with a code if need be, or a passkey.
 *
 * @param {Client} client
 * @returns {Promise<string>}
 */
function askThePerson(client) {
  const dialog = /** @type {HTMLDialogElement} */ (element("confirm"));
  const form = /** @type {HTMLFormElement} */ (dialog.querySelector("form"));
  const said = /** @type {HTMLElement} */ (dialog.querySelector("[data-said]"));
  const code = /** @type {HTMLInputElement} */ (form.elements.namedItem("code"));
  const done = new AbortController();
  form.reset();
  said.hidden = true;
  dialog.showModal();
  return new Promise((resolve, reject) => {
    /** @param {() => Promise<any>} ask */
    const attempt = async (ask) => {
      try {
        const { confirmation } = await ask();
        resolve(confirmation);
        dialog.close();
      } catch (error) {
        const problem = Problem.from(error);
        if (problem.code === "auth.second-factor-needed") code.closest("label")?.removeAttribute("hidden");
        setText(said, problem.title);
        said.hidden = false;
      }
    };
    const byPassword = () => {
      const password = /** @type {HTMLInputElement} */ (form.elements.namedItem("password")).value;
      const args = code.value === "" ? { password } : { password, code: code.value };
      return client.command("auth.confirm-with-password", args, { key: newKey() });
    };
    const byPasskey = async () => {
      const { ticket, credential } = await showPasskey(client);
      return client.command("auth.confirm-with-passkey", { ticket, credential }, { key: newKey() });
    };
    const { signal } = done;
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void attempt(byPassword);
      },
      { signal },
    );
    dialog.querySelector("[data-passkey]")?.addEventListener("click", () => void attempt(byPasskey), { signal });
    dialog.querySelector("[data-cancel]")?.addEventListener("click", () => dialog.close(), { signal });
    dialog.addEventListener(
      "close",
      () => {
        done.abort();
        reject(new Problem({ code: "client.aborted", kind: "aborted", title: "Nothing was changed." }));
      },
      { signal },
    );
  });
}
