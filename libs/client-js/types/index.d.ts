import { LiveQuery } from "./live-query.js";
import { LiveConnection } from "./live.js";
import { Session } from "./session.js";
import type { InitialResult } from "./live-query.js";
import type { TokenStorage } from "./session.js";
import type { BackoffLimits } from "./waiting.js";
/** @import { InitialResult } from "./live-query.js" */
/** @import { TokenStorage } from "./session.js" */
/** @import { BackoffLimits } from "./waiting.js" */
export { newKey } from "./commands.js";
export { LiveQuery } from "./live-query.js";
export { LiveConnection } from "./live.js";
export { applyPatch } from "./patch.js";
export { Problem } from "./problem.js";
export { Session } from "./session.js";
export { Store } from "./store.js";
export type LiveSnapshot<T> = import("./live-query.js").LiveSnapshot<T>;
export type CommandOptions = import("./commands.js").CommandOptions;
export type ConnectionState = import("./live.js").ConnectionState;
export type Credentials = import("./session.js").Credentials;
export type ClientOptions = {
    /**
     * The gateway; in a page, its own origin if not said.
     */
    url?: string;
    /**
     * Where the session is kept, `localStorage` if there is one.
     */
    storage?: TokenStorage | null;
    WebSocket?: typeof globalThis.WebSocket;
    fetch?: typeof globalThis.fetch;
    /**
     * Asks for the next
     * token of somebody who signed in; null says that the session is over.
     */
    renew?: (() => Promise<import("./session.js").Credentials | null>) | null;
    backoff?: BackoffLimits;
    /**
     * How long one attempt of a command or question may take.
     */
    attemptTimeoutMs?: number;
    connectTimeoutMs?: number;
    /**
     * How long the live connection may be silent before we ask whether it is there.
     */
    silenceMs?: number;
    /**
     * How long it may take to say so.
     */
    patienceMs?: number;
};
/** @param {ClientOptions} [options] @returns {Client} */
export declare function createClient(options?: ClientOptions): Client;
export declare class Client {
    #private;
    session: Session;
    live: LiveConnection;
    /** @param {ClientOptions} options */
    constructor(options: ClientOptions);
    /**
     * A live query. The same name and arguments give the same object, so components may each ask for it.
     *
     * @template [T=any]
     * @param {string} name `<service>.<query>`
     * @param {Record<string, unknown>} args
     * @param {{initial?: InitialResult<T> | null, personal?: boolean}} [options]
     *   initial   what the page was rendered from: shown at once, and resumed from its cursor
     *   personal  the answer depends on who asks
     * @returns {LiveQuery<T>}
     */
    query<T = any>(name: string, args: Record<string, unknown>, options?: {
        initial?: InitialResult<T> | null;
        personal?: boolean;
    }): LiveQuery<T>;
    /**
     * Ask a query once, by HTTP.
     *
     * @param {string} name
     * @param {Record<string, unknown>} args
     * @param {{signal?: AbortSignal}} [options]
     * @returns {Promise<any>}
     */
    ask(name: string, args: Record<string, unknown>, { signal }?: {
        signal?: AbortSignal;
    }): Promise<any>;
    /**
     * Send a command until it is answered; see `CommandSender.send`.
     *
     * @param {string} name `<service>.<command>`
     * @param {Record<string, unknown>} args
     * @param {CommandOptions} [options]
     * @returns {Promise<any>}
     */
    command(name: string, args: Record<string, unknown>, options?: CommandOptions): Promise<any>;
    /** For good: closes the connection, and stops listening to the page and to other tabs. */
    close(): void;
}
