// @ts-check
/**
 * The page of one show, live.
 *
 * @module
 */
import { Announcer } from "./announcer.js";
import { bind, setAttribute, setText } from "./bind.js";
import { Booth } from "./booth.js";
import { timeLeft } from "./countdown.js";
import { connect, element, goOnFrom, oncePerFrame, readState } from "./page-state.js";
import { showConnection } from "./strip.js";
import { showPage } from "./view/show-page.js";
/** @import { LiveQuery } from "../client/index.js" */

const PLACES_MS = 1_000;

const state = readState();
const about = { show_id: state.show_id };
const client = connect(state);
const announcer = new Announcer();
const main = element("main");

/** @type {{found: LiveQuery<any>, ballot?: LiveQuery<any>, tally?: LiveQuery<any>, leaderboard?: LiveQuery<any>}} */
const queries = { found: goOnFrom(client, state.answers.found) };
const mine = client.query("voting.get-my-vote", about, {
  personal: true,
  initial: { result: { show_id: state.show_id, votes: [] } },
});
const viewers = client.query("gateway.get-viewers", { query: "voting.get-tally", args: about });
const booth = new Booth({
  client,
  mine,
  showId: state.show_id,
  hasOneVote: () => queries.ballot?.getSnapshot().result?.votes_per_voter === 1,
  announcer,
  onChange: () => draw(),
});

const draw = oncePerFrame(() => {
  followLeaderboard();
  const page = showPage(answersNow());
  bind(main, page, { holdsOrder });
  booth.draw(page);
  tick();
  announce(page);
});

let placesChangedAt = Number.NEGATIVE_INFINITY;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let placesTimer;

/**
 * Bars and numbers move as they come; songs change places once a second, or nobody could follow, and
 * not while someone chooses.
 *
 * @param {Element} list
 */
function holdsOrder(list) {
  if (list.id !== "candidates") return false;
  if (booth.isChoosing) return true;
  const wait = placesChangedAt + PLACES_MS - performance.now();
  clearTimeout(placesTimer);
  if (wait > 0) {
    placesTimer = setTimeout(draw, wait);
    return true;
  }
  placesChangedAt = performance.now();
  return false;
}

function answersNow() {
  const { found, ballot, tally, leaderboard } = queries;
  return {
    found: found.getSnapshot().result,
    ballot: ballot?.getSnapshot().result ?? null,
    tally: tally?.getSnapshot().result ?? null,
    leaderboard: leaderboard?.getSnapshot().result ?? null,
    votes: mine.getSnapshot().result?.votes ?? [],
    me: client.session.getSnapshot()?.user_id ?? "",
  };
}

/** @param {LiveQuery<any>} query */
function follow(query) {
  query.subscribe(draw);
  return query;
}

function followBallot() {
  const { ballot, tally } = state.answers;
  queries.ballot = follow(ballot ? goOnFrom(client, ballot) : client.query("voting.get-ballot", about));
  queries.tally = follow(tally ? goOnFrom(client, tally) : client.query("voting.get-tally", about));
}

/** Nobody has prepared a ballot yet: wait until somebody does. */
function awaitBallot() {
  const summaries = client.query("voting.list-ballots", { show_ids: [state.show_id] });
  const stop = summaries.subscribe(() => {
    if (!summaries.getSnapshot().result?.ballots.length) return;
    stop();
    followBallot();
  });
}

/** There is a leaderboard once the ballot is finalized. */
function followLeaderboard() {
  if (queries.leaderboard !== undefined || !queries.ballot?.getSnapshot().result?.score) return;
  const { leaderboard } = state.answers;
  queries.leaderboard = follow(
    leaderboard
      ? goOnFrom(client, leaderboard)
      : client.query("voting.get-leaderboard", { ...about, limit: 10 }),
  );
}

/** The clock that runs towards opening or closing. */
function tick() {
  const ballot = queries.ballot?.getSnapshot().result;
  const until = { prepared: ballot?.opens_at, open: ballot?.closes_at }[String(ballot?.status)];
  const left = until ? timeLeft(Date.parse(until) - Date.now()) : "";
  const countdown = element("countdown");
  setAttribute(countdown, "hidden", left === "");
  setText(countdown, left);
}

let phase = "";
let standing = "";

/** @param {ReturnType<typeof showPage>} page */
function announce(page) {
  if (phase !== "" && phase !== page.phase) announcer.sayNow(page.phase_text);
  if (standing !== "" && standing !== page.standing) announcer.sayNow(page.standing_text);
  phase = page.phase;
  standing = page.standing;
  const [leader] = page.candidates;
  if (page.phase !== "open" || leader === undefined || leader.place === "") return;
  announcer.sayInTime(`${leader.title} leads with ${leader.votes}, of ${page.total} in all.`);
}

follow(queries.found);
follow(mine);
client.session.subscribe(draw);
if (state.answers.ballot) followBallot();
else awaitBallot();
showConnection(client, viewers);
setInterval(tick, 1_000);
draw();
