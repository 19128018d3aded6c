/**
 * Which live queries the server keeps true for us on the present connection, and under which id.
 *
 * @module
 */
import { Problem } from "./problem.js";
import type { LiveQuery } from "./live-query.js";
import type { BackoffLimits } from "./waiting.js";
export type AnyQuery = LiveQuery<any>;
export type Frame = {
    op: string;
    [field: string]: any;
};
export type Line = {
    send: (frame: Frame) => void;
    nextId: () => number;
    isOpen: () => boolean;
    /**
     * Whether the server has accepted who we say we are.
     */
    isSignedIn: () => boolean;
};
export type Entry = {
    /**
     * Null while the server does not know of the query.
     */
    id: number | null;
    /**
     * In a row.
     */
    refusals: number;
    /**
     * Runs while a refused query waits to ask again.
     */
    timer: ReturnType<typeof setTimeout> | undefined;
};
/** @import { LiveQuery } from "./live-query.js" */
/** @import { BackoffLimits } from "./waiting.js" */
/**
 * @typedef {LiveQuery<any>} AnyQuery
 * @typedef {{op: string, [field: string]: any}} Frame
 *
 * @typedef {object} Line What the connection lends its subscriptions.
 * @property {(frame: Frame) => void} send
 * @property {() => number} nextId
 * @property {() => boolean} isOpen
 * @property {() => boolean} isSignedIn Whether the server has accepted who we say we are.
 *
 * @typedef {object} Entry
 * @property {number | null} id Null while the server does not know of the query.
 * @property {number} refusals In a row.
 * @property {ReturnType<typeof setTimeout> | undefined} timer Runs while a refused query waits to ask again.
 */
export declare class Subscriptions {
    #private;
    /** @param {Line} line @param {BackoffLimits} [backoffLimits] */
    constructor(line: Line, backoffLimits?: BackoffLimits);
    get size(): number;
    /** @param {AnyQuery} query */
    attach(query: AnyQuery): void;
    /** @param {AnyQuery} query */
    detach(query: AnyQuery): void;
    /** Ask for every query that the server does not know of and that may be asked now. */
    resume(): void;
    /** The connection is gone, and with it what the server knew. */
    lose(): void;
    /** Someone else is here now: end what was told to the one before. */
    forgetPersonal(): void;
    /**
     * `result`, `resumed` and `change`.
     *
     * @param {Frame} frame
     */
    onFrame(frame: Frame): void;
    /**
     * The subscription was refused, or has ended.
     *
     * @param {number | string | null} id
     * @param {Problem} problem
     */
    onError(id: number | string | null, problem: Problem): void;
}
