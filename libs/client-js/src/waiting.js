// @ts-check
/**
 * Waiting with an end: backoff with jitter, and sleep that can be given up.
 *
 * @module
 */
import { aborted } from "./problem.js";

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
export function backoff(attempt, limits = {}, random = Math.random) {
  const { firstMs = 400, mostMs = 15_000 } = limits;
  return Math.round(random() * Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 30)));
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>} rejected with the problem `client.aborted` when the signal comes first
 */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted());
    const giveUp = () => {
      clearTimeout(timer);
      reject(aborted());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", giveUp);
      resolve();
    }, ms);
    signal?.addEventListener("abort", giveUp, { once: true });
  });
}
