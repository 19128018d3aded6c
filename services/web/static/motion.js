// @ts-check
/**
 * Movement: things that change places glide there, where the viewer wants movement at all.
 *
 * @module
 */

const GLIDE_MS = 520;
const EASING = "cubic-bezier(0.22, 0.9, 0.28, 1)";
/** What glides now. @type {WeakMap<Element, Animation>} */
const gliding = new WeakMap();
const wantsStillness = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");

/**
 * Change places, then let everything glide from where it was to where it now is.
 *
 * @param {Element[]} elements
 * @param {() => void} change
 */
export function glide(elements, change) {
  if (wantsStillness?.matches || document.visibilityState !== "visible") return change();
  const before = topsOf(elements);
  change();
  // Everything is stopped before anything is measured, so that it is laid out once.
  for (const element of elements) gliding.get(element)?.cancel();
  const after = topsOf(elements);
  elements.forEach((element, at) => {
    const way = (before[at] ?? 0) - (after[at] ?? 0);
    if (Math.abs(way) < 1) return;
    // Who climbs passes in front of who falls.
    const zIndex = way > 0 ? 2 : 1;
    const animation = element.animate(
      [
        { transform: `translateY(${way}px)`, zIndex },
        { transform: "none", zIndex },
      ],
      { duration: GLIDE_MS, easing: EASING },
    );
    gliding.set(element, animation);
  });
}

/** @param {Element[]} elements */
function topsOf(elements) {
  return elements.map((element) => element.getBoundingClientRect().top);
}
