// @ts-check
/**
 * The page of one show, from the answers to its queries. The twin of `queries/show_page.py`: the same
 * answers give the same page, so that what was rendered and what is live cannot differ.
 *
 * @module
 */
import { playedSets, titlesOf, UNKNOWN_SONG } from "./played.js";
import {
  artistText,
  counted,
  dayText,
  momentText,
  numberText,
  placeText,
  shareText,
  startsText,
} from "./wording.js";

/** A full bar, in the units of its drawing. */
const BAR_LENGTH = 10_000;
const MARK_TEXT = { "": "", hit: "Called it", miss: "Not played", surprise: "Played" };

/** @typedef {keyof typeof MARK_TEXT} Mark */

/**
 * @param {object} answers Results of the queries; null where there is no ballot.
 * @param {any} answers.found
 * @param {any} answers.ballot
 * @param {any} answers.tally
 * @param {any} answers.leaderboard
 * @param {any[]} answers.votes The viewer's own.
 * @param {string} answers.me The viewer's user id.
 */
export function showPage({ found, ballot, tally, leaderboard, votes, me }) {
  const { show } = found;
  const total = tally?.total ?? 0;
  const score = ballot?.score ?? null;
  const isFinal = score !== null;
  const sets = playedSets(found.setlist, ballot);
  const voters = leaderboard !== null && isFinal ? leaderboard.voters : [];
  const isVotable = ballot !== null && mayVote(ballot, votes.length);
  return {
    artist: artistText(show),
    place: placeText(show),
    day: dayText(show.local_date),
    day_iso: show.local_date,
    starts: startsOf(show, sets.length > 0),
    standing: show.status,
    standing_text: standingText(show, sets.length > 0),
    phase: ballot?.status ?? "none",
    phase_text: phaseText(ballot, sets.length > 0),
    hours: hoursOf(ballot, show.time_zone),
    total: numberText(total),
    total_word: total === 1 ? "vote" : "votes",
    has_ballot: ballot !== null,
    is_votable: isVotable,
    is_final: isFinal,
    ballot_heading: ballotHeading(ballot),
    ballot_hint: ballotHint(ballot),
    voted_text: votedText(ballot, votes),
    candidates: ballot === null ? [] : candidateRows(ballot, tally, votes, !isVotable),
    score_hits: isFinal ? numberText(score.hits.length) : "",
    score_of: isFinal ? numberText(score.predicted.length) : "",
    score_text: scoreText(score),
    has_setlist: sets.length > 0,
    sets,
    has_leaderboard: voters.length > 0,
    voters: voters.map((/** @type {any} */ voter) => voterRow(voter, me)),
    is_bare: ballot === null && sets.length === 0 && show.status !== "cancelled",
  };
}

/** @param {any} show @param {boolean} hasSetlist */
function startsOf(show, hasSetlist) {
  const starts = startsText(show);
  if (starts === "") return "";
  const hasBegun = hasSetlist || show.status === "live" || show.status === "finished";
  return `${hasBegun ? "Started" : "Starts"} ${starts}`;
}

/** @param {any} show @param {boolean} hasSetlist */
function standingText({ status }, hasSetlist) {
  switch (status) {
    case "live":
      return "On stage now";
    case "finished":
      return "Finished";
    case "postponed":
      return "This show is postponed.";
    case "cancelled":
      return "This show is cancelled.";
    default:
      return hasSetlist ? "Played" : "Scheduled";
  }
}

/** @param {any} ballot @param {boolean} hasSetlist */
function phaseText(ballot, hasSetlist) {
  switch (ballot?.status) {
    case "prepared":
      return "Voting opens soon";
    case "open":
      return "Voting is open";
    case "closed":
      return "Voting is closed";
    case "finalized":
      return "Final result";
    default:
      return hasSetlist ? "Setlist" : "No ballot yet";
  }
}

/** @param {any} ballot @param {string | null} zone */
function hoursOf(ballot, zone) {
  if (ballot?.status === "prepared" && ballot.opens_at) return `Opens ${momentText(ballot.opens_at, zone)}`;
  if (ballot?.status === "open" && ballot.closes_at) return `Closes ${momentText(ballot.closes_at, zone)}`;
  if (ballot?.reopens && ballot.opens_at) return `Opens again ${momentText(ballot.opens_at, zone)}`;
  if (ballot?.status === "closed" && ballot.closes_at) return `Closed ${momentText(ballot.closes_at, zone)}`;
  return "";
}

/** @param {any} ballot */
function ballotHeading(ballot) {
  if (ballot === null) return "";
  if (ballot.status === "prepared") return "On the ballot";
  return ballot.status === "open" ? "What should they play?" : "What the crowd wanted";
}

/** @param {any} ballot */
function ballotHint(ballot) {
  if (ballot === null || !isBefore(ballot)) return "";
  const votes = counted(ballot.votes_per_voter, "vote", "votes");
  if (ballot.changeable) return `You have ${votes}, and can change your mind until voting closes.`;
  return `You have ${votes}. A vote cast stays cast.`;
}

/** @param {any} ballot @param {any[]} votes */
function votedText(ballot, votes) {
  if (ballot === null || votes.length === 0) return "";
  const titles = titlesOf(ballot);
  const songs = votes.map(({ song_id }) => titles.get(song_id) ?? UNKNOWN_SONG).join(", ");
  const left = ballot.votes_per_voter - votes.length;
  const more = mayVote(ballot, votes.length) && left > 0 ? ` ${counted(left, "vote", "votes")} left.` : "";
  return `You voted for ${songs}.${more}`;
}

/** @param {any} ballot @param {number} votesCast */
function mayVote(ballot, votesCast) {
  if (ballot.status !== "open") return false;
  return votesCast < ballot.votes_per_voter || (ballot.changeable && ballot.votes_per_voter === 1);
}

/** @param {any} ballot */
function isBefore(ballot) {
  return ballot.status === "prepared" || ballot.status === "open";
}

/** @param {any} ballot @param {any} tally @param {any[]} votes @param {boolean} isLocked */
function candidateRows(ballot, tally, votes, isLocked) {
  /** @param {any} candidate @returns {number} */
  const countOf = ({ song_id }) =>
    tally !== null && Object.hasOwn(tally.counts, song_id) ? tally.counts[song_id] : 0;
  const bestFirst = [...ballot.candidates].sort((one, other) => countOf(other) - countOf(one));
  const most = bestFirst.length > 0 ? countOf(bestFirst[0]) : 0;
  const mine = new Set(votes.map((vote) => vote.song_id));
  let rank = 0;
  return bestFirst.map((candidate, at) => {
    const { song_id, title } = candidate;
    const count = countOf(candidate);
    if (at === 0 || count < countOf(bestFirst[at - 1])) rank = at + 1;
    const mark = markOf(ballot, song_id);
    return {
      song_id,
      title,
      rank: count > 0 ? String(rank) : "–",
      votes: counted(count, "vote", "votes"),
      share: shareText(count, tally?.total ?? 0),
      place: count > 0 && rank <= 3 ? String(rank) : "",
      bar: barOf(count, most),
      mark,
      mark_text: MARK_TEXT[mark],
      is_mine: mine.has(song_id),
      is_locked: isLocked || mine.has(song_id),
    };
  });
}

/** @param {number} count @param {number} most */
function barOf(count, most) {
  const length = most > 0 ? Math.floor((BAR_LENGTH * count) / most) : 0;
  return `translate(${length - BAR_LENGTH} 0)`;
}

/** @param {any} ballot @param {string} songId @returns {Mark} */
function markOf(ballot, songId) {
  if (ballot.score === null) return "";
  const isPlayed = (ballot.played ?? []).includes(songId);
  if (ballot.score.predicted.includes(songId)) return isPlayed ? "hit" : "miss";
  return isPlayed ? "surprise" : "";
}

/** @param {any} score */
function scoreText(score) {
  if (score === null) return "";
  if (score.predicted.length === 0) return "Nobody voted, so there was nothing to call.";
  const songs = counted(score.predicted.length, "top song was", "top songs were");
  return `${numberText(score.hits.length)} of the crowd's ${songs} played.`;
}

/** @param {any} voter @param {string} me */
function voterRow(voter, me) {
  const isMe = voter.voter_id === me;
  return {
    voter_id: voter.voter_id,
    rank: String(voter.rank),
    name: isMe ? "You" : `Fan ${voter.voter_id.slice(-5)}`,
    hits: `${numberText(voter.hits)} of ${numberText(voter.votes)}`,
    is_me: isMe,
  };
}
