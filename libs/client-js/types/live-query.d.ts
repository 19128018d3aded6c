import { Problem } from "./problem.js";
import type { Operation } from "./patch.js";
import type { Readable } from "./store.js";
export type LiveStatus = "waiting" | "live" | "refused";
export type LiveSnapshot<T> = {
    result: T | null;
    /**
     * The position in the log at which the result is true.
     */
    position: number | null;
    status: LiveStatus;
    problem: Problem | null;
    /**
     * How often a whole new result replaced one instead of changes to it.
     */
    resets: number;
};
export type InitialResult<T> = {
    result: T;
    position?: number | null;
    cursor?: string | null;
};
export type Update<T> = (result: T, reply: any) => T;
export type LiveFrame<T> = ({
    op: "result";
    result: T;
} | {
    op: "change";
    patch: Operation[];
} | {
    op: "resumed";
}) & {
    position?: number | null;
    cursor?: string | null;
};
export type Subscriptions = {
    attach: (query: LiveQuery<any>) => void;
    detach: (query: LiveQuery<any>) => void;
};
/** @import { Operation } from "./patch.js" */
/** @import { Readable } from "./store.js" */
/**
 * `waiting`: not on the server's list yet (connecting, or nobody is signed in), though a result may be
 * there. `live`: the server keeps it true. `refused`: the server said no, see `problem`.
 *
 * @typedef {"waiting" | "live" | "refused"} LiveStatus
 */
/**
 * @template T
 * @typedef {object} LiveSnapshot
 * @property {T | null} result
 * @property {number | null} position The position in the log at which the result is true.
 * @property {LiveStatus} status
 * @property {Problem | null} problem
 * @property {number} resets How often a whole new result replaced one instead of changes to it.
 */
/**
 * @template T
 * @typedef {object} InitialResult What a page was rendered from.
 * @property {T} result
 * @property {number | null} [position]
 * @property {string | null} [cursor]
 */
/**
 * Gives the result as it will be. Must be idempotent: a result that already has the update stays as it
 * is, because the live change may arrive before the reply. `reply` is null until the server answers.
 *
 * @template T
 * @typedef {(result: T, reply: any) => T} Update
 */
/**
 * @template T
 * @typedef {({op: "result", result: T} | {op: "change", patch: Operation[]} | {op: "resumed"})
 *   & {position?: number | null, cursor?: string | null}} LiveFrame
 */
/**
 * What the connection offers a query.
 *
 * @typedef {object} Subscriptions
 * @property {(query: LiveQuery<any>) => void} attach
 * @property {(query: LiveQuery<any>) => void} detach
 */
/**
 * On the server's list for as long as someone subscribes to it here.
 *
 * @template T
 * @implements {Readable<LiveSnapshot<T>>}
 */
export declare class LiveQuery<T> implements Readable<LiveSnapshot<T>> {
    #private;
    name: string;
    args: Record<string, unknown>;
    /**
     * The answer depends on who asks: only asked when signed in, and forgotten when the user changes.
     * Then `initial` is what is shown while nobody is signed in.
     */
    personal: boolean;
    /**
     * @param {Subscriptions} subscriptions
     * @param {string} name `<service>.<query>`
     * @param {Record<string, unknown>} args
     * @param {{initial?: InitialResult<T> | null, personal?: boolean}} options
     */
    constructor(subscriptions: Subscriptions, name: string, args: Record<string, unknown>, { initial, personal }: {
        initial?: InitialResult<T> | null;
        personal?: boolean;
    });
    /** @param {() => void} listener */
    subscribe: (listener: () => void) => () => void;
    /** @returns {LiveSnapshot<T>} */
    getSnapshot: () => LiveSnapshot<T>;
    get cursor(): string | null;
    /**
     * Show an expected result until the server's own has it, or until it is rolled back.
     *
     * @param {Update<T>} update
     */
    expect(update: Update<T>): {
        /**
         * The command was answered: keep the update until the result is as new as the reply.
         *
         * @param {any} reply
         * @param {number | null} position where the command is recorded; null when it is not
         */
        confirm: (reply: any, position: number | null) => void;
        /** The command was refused: as if it had never been. */
        rollBack: () => void;
    };
    /**
     * What the server says: a whole result, changes to the one we have, or that this one holds.
     *
     * @param {LiveFrame<T>} frame
     * @throws {Problem} when changes do not fit: then only a whole result helps, see `forgetCursor`
     */
    onFrame(frame: LiveFrame<T>): void;
    /** @param {Problem} problem */
    onRefused(problem: Problem): void;
    /** The server does not keep this query true any more. */
    onLost(): void;
    /** Ask for a whole result next time. */
    forgetCursor(): void;
    /** Forget what was told to someone else. */
    forget(): void;
}
export type Overlay<T> = {
    update: Update<T>;
    reply: any;
    /**
     * The position from which the result has it; null until answered.
     */
    position: number | null;
};
/**
 * @template T
 * @typedef {object} Overlay
 * @property {Update<T>} update
 * @property {any} reply
 * @property {number | null} position The position from which the result has it; null until answered.
 */
