import { Problem } from "./problem.js";
import type { Answer } from "./http.js";
import type { Session } from "./session.js";
import type { Readable } from "./store.js";
import type { AnyQuery } from "./subscriptions.js";
import type { BackoffLimits } from "./waiting.js";
export type Phase = "idle" | "connecting" | "live" | "waiting" | "stopped";
export type Caller = {
    user_id: string;
    roles: string[];
};
export type ConnectionState = {
    phase: Phase;
    /**
     * Milliseconds since 1970; only while waiting.
     */
    retryAt: number | null;
    /**
     * Who the server says we are.
     */
    caller: Caller | null;
    /**
     * What the server last said about the connection itself.
     */
    problem: Problem | null;
};
export type LiveOptions = {
    /**
     * `ws://…/v1/live`
     */
    url: string;
    session: Session;
    WebSocket: typeof globalThis.WebSocket;
    backoff?: BackoffLimits;
    connectTimeoutMs?: number;
    /**
     * How long silence is nothing unusual.
     */
    silenceMs?: number;
    /**
     * How long an answer to a ping may take.
     */
    patienceMs?: number;
};
/** @implements {Readable<ConnectionState>} */
export declare class LiveConnection implements Readable<ConnectionState> {
    #private;
    /** @param {LiveOptions} options */
    constructor(options: LiveOptions);
    /** @param {() => void} listener */
    subscribe: (listener: () => void) => () => void;
    getSnapshot: () => ConnectionState;
    /** Whether a command sent now would go out at once, in the name of the session's user. */
    get canCommand(): boolean;
    /** Keep a query true. Called by the query itself. @param {AnyQuery} query */
    attach(query: AnyQuery): void;
    /** @param {AnyQuery} query */
    detach(query: AnyQuery): void;
    /**
     * Send a command once.
     *
     * @param {string} command
     * @param {Record<string, unknown>} args
     * @param {{key: string, timeoutMs: number, signal?: AbortSignal | undefined}} options
     * @returns {Promise<Answer>} rejected with the server's problem, or with a passing one of ours when
     *   nobody knows what became of the command (send it again with the same key)
     */
    command(command: string, args: Record<string, unknown>, { key, timeoutMs, signal }: {
        key: string;
        timeoutMs: number;
        signal?: AbortSignal | undefined;
    }): Promise<Answer>;
    /** Do not wait any longer; also after the server said not to come back. */
    retryNow(): void;
    /** For good. */
    close(): void;
}
