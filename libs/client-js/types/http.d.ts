export type Answer = {
    /**
     * A view.
     */
    result: any;
    /**
     * Where a command is recorded, or at which a query's answer is true.
     */
    position: number | null;
};
export type RequestOptions = {
    token: string | null;
    timeoutMs: number;
    signal?: AbortSignal | undefined;
};
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
export declare class HttpGateway {
    #private;
    /** @param {string} url without a path @param {typeof globalThis.fetch} fetch */
    constructor(url: string, fetch: typeof globalThis.fetch);
    /**
     * Send a command, once.
     *
     * @param {string} command `<service>.<command>`
     * @param {Record<string, unknown>} args
     * @param {RequestOptions & {key: string}} options
     * @returns {Promise<Answer>}
     */
    command(command: string, args: Record<string, unknown>, { key, ...options }: RequestOptions & {
        key: string;
    }): Promise<Answer>;
    /**
     * Ask a query, once.
     *
     * @param {string} query `<service>.<query>`
     * @param {Record<string, unknown>} args a list becomes a parameter repeated
     * @param {RequestOptions} options
     * @returns {Promise<Answer>}
     */
    query(query: string, args: Record<string, unknown>, options: RequestOptions): Promise<Answer>;
}
