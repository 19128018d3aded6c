// @ts-check
/**
 * What can go wrong, as one kind of error. The server says it as an RFC 9457 document; what the client
 * finds out for itself (no connection, no answer in time) takes the same form with a code of its own.
 *
 * @module
 */

/**
 * @typedef {object} ProblemDocument
 * @property {string} [type]
 * @property {string} [title]
 * @property {number} [status]
 * @property {string} [kind]
 * @property {string} [code]
 * @property {string} [detail]
 * @property {number} [retry_after] Seconds to wait before asking again.
 */

/** Kinds after which the same request may succeed later. */
const PASSING_KINDS = new Set(["unavailable", "rate-limited"]);
const PASSING_STATUSES = new Set([408, 425, 429, 502, 503, 504]);

/**
 * An error to match on by `code`. The message is for people.
 *
 * Codes made here: `client.disconnected`, `client.timeout`, `client.aborted`, `client.closed`,
 * `client.unreadable` (an answer that is not what was agreed).
 */
export class Problem extends Error {
  /** @param {ProblemDocument} document */
  constructor(document) {
    super(document.detail || document.title || "Something went wrong.");
    this.name = "Problem";
    /** The document as it was received. */
    this.document = document;
    this.code = document.code ?? "unknown";
    this.kind = document.kind ?? kindOfStatus(document.status ?? 0);
    this.status = document.status ?? 0;
    this.title = document.title ?? this.message;
    /** @type {number | null} Seconds that the server asks us to wait. */
    this.retryAfterSeconds = seconds(document.retry_after);
  }

  /** Whether the same request may succeed later, so that trying again makes sense. */
  get isPassing() {
    return PASSING_KINDS.has(this.kind) || PASSING_STATUSES.has(this.status);
  }

  get isUnauthenticated() {
    return this.kind === "unauthenticated";
  }

  /** @param {unknown} error @returns {Problem} */
  static from(error) {
    if (error instanceof Problem) return error;
    return disconnected(error instanceof Error ? error.message : String(error));
  }

  /**
   * The problem in an HTTP answer, also when it comes from something in between that speaks HTML.
   *
   * @param {Response} response
   * @returns {Promise<Problem>}
   */
  static async fromResponse(response) {
    /** @type {ProblemDocument} */
    let document = {};
    if ((response.headers.get("content-type") ?? "").includes("json")) {
      const body = await response.json().catch(() => null);
      if (body !== null && typeof body === "object") document = body;
    }
    const retryAfter = document.retry_after ?? retryAfterHeader(response.headers.get("retry-after"));
    return new Problem({
      ...document,
      status: document.status ?? response.status,
      code: document.code ?? `http-${response.status}`,
      title: document.title ?? (response.statusText || `The server answered ${response.status}.`),
      ...(retryAfter === undefined ? {} : { retry_after: retryAfter }),
    });
  }
}

/** @param {string} [detail] */
export const disconnected = (detail = "The server cannot be reached.") =>
  new Problem({ code: "client.disconnected", kind: "unavailable", detail });

export const timedOut = () =>
  new Problem({ code: "client.timeout", kind: "unavailable", detail: "The server did not answer in time." });

export const aborted = () =>
  new Problem({ code: "client.aborted", kind: "aborted", detail: "The request was given up." });

export const closed = () =>
  new Problem({ code: "client.closed", kind: "closed", detail: "The client is closed." });

/** @param {string} detail */
export const unreadable = (detail) => new Problem({ code: "client.unreadable", kind: "invalid", detail });

/** @param {number} status */
function kindOfStatus(status) {
  if (status === 401) return "unauthenticated";
  if (status === 429) return "rate-limited";
  return PASSING_STATUSES.has(status) ? "unavailable" : "unknown";
}

/** @param {unknown} value */
function seconds(value) {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null;
}

/**
 * `Retry-After` is a number of seconds or a date.
 *
 * @param {string | null} header
 * @returns {number | undefined}
 */
function retryAfterHeader(header) {
  if (header === null || header.trim() === "") return undefined;
  const number = Number(header);
  if (Number.isFinite(number)) return Math.max(0, number);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, (at - Date.now()) / 1000);
}
