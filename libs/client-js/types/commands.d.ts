import type { HttpGateway } from "./http.js";
import type { LiveQuery, Update } from "./live-query.js";
import type { LiveConnection } from "./live.js";
import type { Session } from "./session.js";
import type { BackoffLimits } from "./waiting.js";
export type Expectation = {
    query: LiveQuery<any>;
    update: Update<any>;
};
export type CommandOptions = {
    /**
     * The idempotency key, to carry an intent on; without it this call is an intent of its own.
     */
    key?: string;
    expect?: Expectation[];
    /**
     * Begin a guest session first, if nobody is signed in.
     */
    signIn?: "guest";
    /**
     * How long to keep trying, 30 s if not said.
     */
    timeoutMs?: number;
    signal?: AbortSignal;
};
export type SenderOptions = {
    http: HttpGateway;
    live: LiveConnection;
    session: Session;
    attemptTimeoutMs: number;
    backoff?: BackoffLimits;
};
export type Intent = {
    command: string;
    args: Record<string, unknown>;
    key: string;
    options: CommandOptions;
    deadline: number;
};
/** A new idempotency key: 128 random bits. (`randomUUID` is missing where a page is not served securely.) */
export declare function newKey(): string;
export declare class CommandSender {
    #private;
    /** @param {SenderOptions} options */
    constructor(options: SenderOptions);
    /**
     * Send a command until it is answered.
     *
     * @param {string} command `<service>.<command>`
     * @param {Record<string, unknown>} args
     * @param {CommandOptions} [options]
     * @returns {Promise<any>} the view it is answered with
     * @throws {Problem} the server's no, after which everything expected is rolled back; or a passing
     *   problem when the time is up: then nobody knows, and sending again with the same key is safe
     */
    send(command: string, args: Record<string, unknown>, options?: CommandOptions): Promise<any>;
}
