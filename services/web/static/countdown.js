// @ts-check
/**
 * The time that is left, for those who see it tick.
 *
 * @module
 */

/**
 * @param {number} ms
 * @returns {string} `4:05`, `1:04:05`, or empty when there is more than a day or nothing left
 */
export function timeLeft(ms) {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds <= 0 || seconds > 86_400) return "";
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
