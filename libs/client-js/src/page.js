// @ts-check
/**
 * What a page tells those who hold connections: it leaves, it is back.
 *
 * @module
 */

/**
 * In a browser: a page put away keeps no socket (or it could not be restored at once when one comes back
 * to it), and a page that comes back, or gets its network back, does not wait.
 *
 * @param {{onReturn: () => void, onLeave: () => void}} on
 * @returns {() => void} the way to stop watching
 */
export function watchPage({ onReturn, onLeave }) {
  if (typeof globalThis.document === "undefined") return () => {};
  const watching = new AbortController();
  const { signal } = watching;
  globalThis.addEventListener("online", onReturn, { signal });
  globalThis.addEventListener("pageshow", onReturn, { signal });
  globalThis.addEventListener("pagehide", onLeave, { signal });
  globalThis.document.addEventListener(
    "visibilitychange",
    () => globalThis.document.visibilityState === "visible" && onReturn(),
    { signal },
  );
  return () => watching.abort();
}
