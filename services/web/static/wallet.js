// @ts-check
/**
 * Ethereum wallets in the browser (EIP-1193).
 *
 * @module
 */
import { newKey, Problem } from "../client/index.js";
/** @import { Client } from "../client/index.js" */

/** @typedef {{request: (asked: {method: string, params?: unknown[]}) => Promise<any>}} Wallet */

/** @returns {Wallet | undefined} */
const wallet = () => /** @type {any} */ (globalThis).ethereum;

/** Whether there is one. */
export const hasWallet = () => wallet() !== undefined;

/**
 * Have the text of a challenge signed.
 *
 * @param {Client} client
 * @returns {Promise<{challenge_id: string, ticket: string, signature: string}>}
 */
export async function signWithWallet(client) {
  const present = wallet();
  try {
    const [address] = (await present?.request({ method: "eth_requestAccounts" })) ?? [];
    const chain_id = Number(await present?.request({ method: "eth_chainId" }));
    const { challenge_id, ticket, text } = await client.command(
      "auth.begin-wallet",
      { address, chain_id },
      { key: newKey() },
    );
    const signature = await present?.request({ method: "personal_sign", params: [hexadecimal(text), address] });
    return { challenge_id, ticket, signature };
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem({ code: "client.aborted", kind: "aborted", title: "The wallet has not signed." });
  }
}

/** @param {string} text */
function hexadecimal(text) {
  const digits = [...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `0x${digits.join("")}`;
}
