// @ts-check
/**
 * The gateway over HTTP: one request, one answer or one problem.
 *
 * @module
 */
import { aborted, Problem, timedOut, unreadable } from "./problem.js";

/**
 * @typedef {object} Answer
 * @property {any} result A view.
 * @property {number | null} position Where a command is recorded, or at which a query's answer is true.
 *
 * @typedef {object} RequestOptions
 * @property {string | null} token
 * @property {number} timeoutMs
 * @property {AbortSignal | undefined} [signal]
 */

export class HttpGateway {
  #url;
  #fetch;

  /** @param {string} url without a path @param {typeof globalThis.fetch} fetch */
  constructor(url, fetch) {
    this.#url = url;
    this.#fetch = fetch;
  }

  /**
   * Send a command, once.
   *
   * @param {string} command `<service>.<command>`
   * @param {Record<string, unknown>} args
   * @param {RequestOptions & {key: string}} options
   * @returns {Promise<Answer>}
   */
  command(command, args, { key, ...options }) {
    return this.#request(pathOf(command), options, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify(args),
    });
  }

  /**
   * Ask a query, once.
   *
   * @param {string} query `<service>.<query>`
   * @param {Record<string, unknown>} args a list becomes a parameter repeated
   * @param {RequestOptions} options
   * @returns {Promise<Answer>}
   */
  query(query, args, options) {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(args)) {
      for (const each of Array.isArray(value) ? value : [value]) {
        if (each !== null && each !== undefined) search.append(name, String(each));
      }
    }
    return this.#request(search.size === 0 ? pathOf(query) : `${pathOf(query)}?${search}`, options, {});
  }

  /**
   * @param {string} path
   * @param {RequestOptions} options
   * @param {{method?: string, headers?: Record<string, string>, body?: string}} init
   * @returns {Promise<Answer>}
   */
  async #request(path, { token, timeoutMs, signal }, init) {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.#fetch(`${this.#url}${path}`, {
        ...init,
        headers: { ...init.headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      });
      if (!response.ok) throw await Problem.fromResponse(response);
      const result = await response.json();
      return { result, position: positionOf(response, result) };
    } catch (error) {
      if (error instanceof Problem) throw error;
      if (error instanceof SyntaxError) throw unreadable("The server's answer cannot be read.");
      if (signal?.aborted) throw aborted();
      if (timeout.aborted) throw timedOut();
      throw Problem.from(error);
    }
  }
}

/** @param {string} name */
function pathOf(name) {
  return `/v1/${name.replace(".", "/")}`;
}

/** @param {Response} response @param {any} result @returns {number | null} */
function positionOf(response, result) {
  const header = response.headers.get("backline-position");
  if (header !== null && /^\d+$/.test(header)) return Number(header);
  // A page of another origin may not be shown the header.
  return typeof result?.position === "number" ? result.position : null;
}
