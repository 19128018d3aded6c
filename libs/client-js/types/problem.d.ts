/**
 * What can go wrong, as one kind of error. The server says it as an RFC 9457 document; what the client
 * finds out for itself (no connection, no answer in time) takes the same form with a code of its own.
 *
 * @module
 */
export type ProblemDocument = {
    type?: string;
    title?: string;
    status?: number;
    kind?: string;
    code?: string;
    detail?: string;
    /**
     * Seconds to wait before asking again.
     */
    retry_after?: number;
};
/**
 * An error to match on by `code`. The message is for people.
 *
 * Codes made here: `client.disconnected`, `client.timeout`, `client.aborted`, `client.closed`,
 * `client.unreadable` (an answer that is not what was agreed).
 */
export declare class Problem extends Error {
    /** The document as it was received. */
    document: ProblemDocument;
    code: string;
    kind: string;
    status: number;
    title: string;
    /** @type {number | null} Seconds that the server asks us to wait. */
    retryAfterSeconds: number | null;
    /** @param {ProblemDocument} document */
    constructor(document: ProblemDocument);
    /** Whether the same request may succeed later, so that trying again makes sense. */
    get isPassing(): boolean;
    get isUnauthenticated(): boolean;
    /** @param {unknown} error @returns {Problem} */
    static from(error: unknown): Problem;
    /**
     * The problem in an HTTP answer, also when it comes from something in between that speaks HTML.
     *
     * @param {Response} response
     * @returns {Promise<Problem>}
     */
    static fromResponse(response: Response): Promise<Problem>;
}
/** @param {string} [detail] */
export declare const disconnected: (detail?: string) => Problem;
export declare const timedOut: () => Problem;
export declare const aborted: () => Problem;
export declare const closed: () => Problem;
/** @param {string} detail */
export declare const unreadable: (detail: string) => Problem;
