export type BackoffLimits = {
    /**
     * The longest first wait.
     */
    firstMs?: number;
    /**
     * The longest wait ever.
     */
    mostMs?: number;
};
/**
 * @typedef {object} BackoffLimits
 * @property {number} [firstMs] The longest first wait.
 * @property {number} [mostMs] The longest wait ever.
 */
/**
 * "Full jitter": anywhere between nothing and the limit, which doubles. A crowd that lost its server at
 * one moment must not come back at one moment.
 *
 * @param {number} attempt 0 for the first retry
 * @param {BackoffLimits} [limits]
 * @param {() => number} [random] from 0 to 1
 * @returns {number} milliseconds
 */
export declare function backoff(attempt: number, limits?: BackoffLimits, random?: () => number): number;
/**
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>} rejected with the problem `client.aborted` when the signal comes first
 */
export declare function sleep(ms: number, signal?: AbortSignal): Promise<void>;
