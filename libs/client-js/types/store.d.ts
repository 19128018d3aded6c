/**
 * A value that can be watched. `subscribe` and `getSnapshot` need no `this`, so that a store can be
 * handed to React's `useSyncExternalStore(store.subscribe, store.getSnapshot)` as it is.
 *
 * @module
 */
export type Readable<T> = {
    /**
     * Calls `listener` after each change; returns the way to stop it.
     */
    subscribe: (listener: () => void) => () => void;
    /**
     * The value now; the same object until it changes.
     */
    getSnapshot: () => T;
};
/**
 * @template T
 * @typedef {object} Readable
 * @property {(listener: () => void) => () => void} subscribe Calls `listener` after each change; returns the way to stop it.
 * @property {() => T} getSnapshot The value now; the same object until it changes.
 */
/**
 * @template T
 * @implements {Readable<T>}
 */
export declare class Store<T> implements Readable<T> {
    #private;
    /** @param {T} value */
    constructor(value: T);
    /**
     * @param {() => void} listener
     * @returns {() => void}
     */
    subscribe: (listener: () => void) => () => void;
    /** @returns {T} */
    getSnapshot: () => T;
    /**
     * Replace the value and tell everyone, unless it is the same one.
     *
     * @param {T} value
     */
    set(value: T): void;
    /** How many are watching. */
    get size(): number;
}
