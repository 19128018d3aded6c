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
export declare function watchPage({ onReturn, onLeave }: {
    onReturn: () => void;
    onLeave: () => void;
}): () => void;
