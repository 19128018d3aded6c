// @ts-check
/**
 * The lists of shows, live.
 *
 * @module
 */
import { bind } from "./bind.js";
import { connect, element, goOnFrom, oncePerFrame, readState } from "./page-state.js";
import { showConnection } from "./strip.js";
import { showsPage } from "./view/shows-page.js";

const state = readState();
const client = connect(state);
const { open, upcoming, past, ballots } = state.answers;
const main = element("main");

/** Every show we know of. @type {Map<string, any>} */
const shows = new Map();
/** Shows that are being asked for. @type {Set<string>} */
const asked = new Set();
const opened = open && goOnFrom(client, open);
const listed = ballots && goOnFrom(client, ballots);

const draw = oncePerFrame(() => {
  const openBallots = opened?.getSnapshot().result.ballots ?? [];
  for (const { show_id } of openBallots) if (!shows.has(show_id)) void ask(show_id);
  const page = showsPage({
    shows: [...shows.values()],
    openBallots,
    upcomingIds: idsOf(upcoming),
    pastIds: idsOf(past),
    ballots: listed?.getSnapshot().result.ballots ?? [],
  });
  bind(main, page);
});

/** A ballot opened for a show that is on none of the lists here. @param {string} showId */
async function ask(showId) {
  if (asked.has(showId)) return;
  asked.add(showId);
  const { show } = await client.ask("catalog.get-show", { show_id: showId });
  know([show]);
  draw();
}

/** @param {any[]} found */
function know(found) {
  for (const show of found) shows.set(show.show_id, show);
}

/** @param {any} answer @returns {string[]} */
function idsOf(answer) {
  return answer?.result.shows.map((/** @type {any} */ { show_id }) => show_id) ?? [];
}

know(state.shows);
know(upcoming?.result.shows ?? []);
know(past?.result.shows ?? []);
opened?.subscribe(draw);
listed?.subscribe(draw);
showConnection(client);
draw();
