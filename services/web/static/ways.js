// @ts-check
/**
 * Ways in on the page of one's account: identities, addresses, the second factor.
 *
 * @module
 */
import { newKey, Problem } from "../client/index.js";
import { setText } from "./bind.js";
import { confirmed } from "./confirm.js";
import { beginProvider } from "./entering.js";
import { element } from "./page-state.js";
import { hasPasskeys, makePasskey } from "./passkeys.js";
import { button, make } from "./making.js";
import { hasWallet, signWithWallet } from "./wallet.js";
/** @import { Client } from "../client/index.js" */

/** @type {Record<string, string>} */
const KINDS = { passkey: "Passkey", wallet: "Wallet", provider: "Account at", issuer: "Account at" };

/** @param {Client} client */
export function showWays(client) {
  const said = element("ways-said");
  /** @param {() => Promise<string>} act */
  const attempt = async (act) => {
    setText(said, "");
    said.hidden = true;
    try {
      setText(said, await act());
      said.classList.remove("said-trouble");
    } catch (error) {
      setText(said, Problem.from(error).title);
      said.classList.add("said-trouble");
    }
    said.hidden = said.textContent === "";
  };
  showIdentities(client, attempt);
  showEmails(client, attempt);
  showSecondFactor(client, attempt);
}

/** @typedef {(act: () => Promise<string>) => Promise<void>} Attempt */

/** @param {Client} client @param {Attempt} attempt */
function showIdentities(client, attempt) {
  const list = element("identities");
  const mine = client.query("auth.list-identities", {}, { personal: true });
  mine.subscribe(() => {
    const rows = mine.getSnapshot().result?.identities ?? [];
    list.replaceChildren(
      ...rows.map((/** @type {any} */ row) => {
        const { identity_id } = row;
        const takeOff = async () => {
          await confirmed(client, "auth.unlink-identity", { identity_id });
          return "It is taken off.";
        };
        const name = `${KINDS[row.kind] ?? row.kind} ${row.issuer}`.trim();
        return make(
          "li",
          make("strong", name),
          make("small", ` ${row.label ?? ""} `),
          button("Take off", () => attempt(takeOff)),
        );
      }),
    );
  });
  const adding = element("add-ways");
  if (hasPasskeys()) {
    adding.append(
      button("Add a passkey", () =>
        attempt(async () => {
          await confirmed(client, "auth.add-passkey", await makePasskey(client));
          return "From now on this device lets you in.";
        }),
      ),
    );
  }
  if (hasWallet()) {
    adding.append(
      button("Link a wallet", () =>
        attempt(async () => {
          const { ticket, signature } = await signWithWallet(client);
          await confirmed(client, "auth.link-wallet", { ticket, signature });
          return "Your wallet is linked.";
        }),
      ),
    );
  }
  void client.ask("auth.get-sign-in-options", {}).then(({ providers }) => {
    for (const { name, title } of providers) {
      adding.append(button(`Link ${title}`, () => attempt(() => beginProvider(client, name, "link"))));
    }
  });
}

/** @param {Client} client @param {Attempt} attempt */
function showEmails(client, attempt) {
  const list = element("emails");
  const mine = client.query("auth.list-emails", {}, { personal: true });
  mine.subscribe(() => {
    const rows = mine.getSnapshot().result?.emails ?? [];
    list.replaceChildren(
      ...rows.map((/** @type {any} */ row) => {
        const { email_id } = row;
        const about = row.primary ? " mails go here " : row.verified ? " " : " not confirmed ";
        const item = make("li", make("strong", row.email ?? ""), make("small", about));
        /** @param {string} text @param {string} name @param {string} told */
        const act = (text, name, told) =>
          button(text, () =>
            attempt(async () => {
              await confirmed(client, name, { email_id });
              return told;
            }),
          );
        if (row.verified && !row.primary) item.append(act("Use for mails", "auth.set-primary-email", "So it is."));
        item.append(act("Take off", "auth.remove-email", "It is taken off."));
        return item;
      }),
    );
  });
  const form = /** @type {HTMLFormElement} */ (element("add-email"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const email = /** @type {HTMLInputElement} */ (form.elements.namedItem("email")).value;
    void attempt(async () => {
      await confirmed(client, "auth.add-email", { email });
      form.reset();
      return "Look into your mail: the link in it completes this.";
    });
  });
}

const SVG = "http://www.w3.org/2000/svg";
const QUIET_ZONE = 4;

/** @param {HTMLElement} place @param {string[]} rows of 0 and 1 */
function drawQr(place, rows) {
  const size = rows.length + 2 * QUIET_ZONE;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "The same link as a QR code");
  const path = document.createElementNS(SVG, "path");
  const dark = rows.flatMap((row, y) =>
    [...row].flatMap((module, x) => (module === "1" ? [`M${x + QUIET_ZONE} ${y + QUIET_ZONE}h1v1h-1z`] : [])),
  );
  path.setAttribute("d", dark.join(""));
  svg.append(path);
  place.replaceChildren(svg);
}

/** @param {Client} client @param {Attempt} attempt */
function showSecondFactor(client, attempt) {
  const me = client.query("auth.get-me", {}, { personal: true });
  const setup = /** @type {HTMLFormElement} */ (element("second-factor-setup"));
  const acts = element("second-factor-acts");
  const codes = element("backup-codes");
  let ticket = "";

  /** @param {string[]} made */
  const showCodes = (made) => {
    codes.replaceChildren(...made.map((code) => make("li", make("code", code))));
    element("backup").hidden = false;
  };
  const begin = async () => {
    const begun = await client.command("auth.begin-second-factor", {}, { key: newKey() });
    ticket = begun.ticket;
    drawQr(element("totp-qr"), begun.qr);
    setText(element("totp-secret"), begun.secret.match(/.{1,4}/g).join(" "));
    /** @type {HTMLAnchorElement} */ (element("totp-link")).href = begun.uri;
    setup.hidden = false;
    return "";
  };
  const others = async () => {
    showCodes((await confirmed(client, "auth.make-backup-codes", {})).codes);
    return "The codes before are void.";
  };
  const turnOff = async () => {
    await confirmed(client, "auth.turn-off-second-factor", {});
    element("backup").hidden = true;
    return "One factor is enough again.";
  };
  me.subscribe(() => {
    const isOn = me.getSnapshot().result?.second_factor === true;
    setText(element("second-factor-state"), isOn ? "On: a code is asked for at every sign-in." : "Off.");
    acts.replaceChildren(
      ...(isOn
        ? [button("New backup codes", () => attempt(others)), button("Turn it off", () => attempt(turnOff))]
        : [button("Set it up", () => attempt(begin))]),
    );
  });
  setup.addEventListener("submit", (event) => {
    event.preventDefault();
    const code = /** @type {HTMLInputElement} */ (setup.elements.namedItem("code")).value;
    void attempt(async () => {
      showCodes((await confirmed(client, "auth.turn-on-second-factor", { ticket, code })).codes);
      setup.reset();
      setup.hidden = true;
      return "Your second factor is on. Keep the codes below somewhere safe.";
    });
  });
}
