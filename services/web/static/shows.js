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
/** @import { LiveQuery } from "../client/index.js" */

const state = readState();
const client = connect(state);
const { open, upcoming, past, ballots } = state.answers;
const main = element("main");

/** Every show we know of. @type {Map<string, any>} */
const shows = new Map(state.shows.map((/** @type {any} */ show) => [show.show_id, show]));
/** Shows that are being asked for. @type {Set<string>} */
const asked = new Set();
const opened = open && goOnFrom(client, open);
const lists = [upcoming, past].map((answer) => answer && goOnFrom(client, answer));

/** The ballots of the shows in the lists, followed anew when other shows are. @type {LiveQuery<any> | null} */
let listed = ballots && goOnFrom(client, ballots);
let stopListed = () => {};
/** What was last known of them. @type {any[]} */
let known = [];
let listedIds = (ballots?.args.show_ids ?? []).join();

const draw = oncePerFrame(() => {
  const [upcomingIds = [], pastIds = []] = lists.map(knownIds);
  followBallots([...upcomingIds, ...pastIds]);
  known = listed?.getSnapshot().result?.ballots ?? known;
  const openBallots = opened?.getSnapshot().result.ballots ?? [];
  for (const { show_id } of openBallots) if (!shows.has(show_id)) void ask(show_id);
  const page = showsPage({
    shows: [...shows.values()],
    openBallots,
    upcomingIds,
    pastIds,
    ballots: known,
  });
  bind(main, page);
});

/** Learn what a list tells. @param {LiveQuery<any> | null} list @returns {string[]} */
function knownIds(list) {
  const found = list?.getSnapshot().result.shows ?? [];
  for (const show of found) shows.set(show.show_id, show);
  return found.map((/** @type {any} */ { show_id }) => show_id);
}

/** @param {string[]} ids */
function followBallots(ids) {
  // The server asks for each show once, whatever the lists.
  const wanted = [...new Set(ids)];
  if (wanted.length === 0 || wanted.join() === listedIds) return;
  listedIds = wanted.join();
  stopListed();
  listed = client.query("voting.list-ballots", { show_ids: wanted, limit: wanted.length });
  stopListed = listed.subscribe(draw);
}

/** A ballot opened for a show that is on none of the lists here. @param {string} showId */
async function ask(showId) {
  if (asked.has(showId)) return;
  asked.add(showId);
  const { show } = await client.ask("catalog.get-show", { show_id: showId });
  shows.set(showId, show);
  draw();
}

for (const live of [opened, ...lists]) live?.subscribe(draw);
if (listed) stopListed = listed.subscribe(draw);
showConnection(client);
draw();
