// @ts-check
/**
 * The front page, from the answers to its queries. The twin of `queries/shows_page.py`.
 *
 * @module
 */
import { artistText, counted, dayText, momentText, partsOfDay, placeText, startsText } from "./wording.js";

/**
 * @param {object} answers
 * @param {any[]} answers.shows Every show that is known here.
 * @param {any[]} answers.openBallots The ballots that are open now, in the order they are shown.
 * @param {string[]} answers.upcomingIds
 * @param {string[]} answers.pastIds
 * @param {any[]} answers.ballots Those of the shows in the lists.
 */
export function showsPage({ shows, openBallots, upcomingIds, pastIds, ballots }) {
  const showOf = new Map(shows.map((show) => [show.show_id, show]));
  const ballotOf = new Map(ballots.map((ballot) => [ballot.show_id, ballot]));
  const openOf = new Map(
    openBallots.filter(({ show_id }) => showOf.has(show_id)).map((ballot) => [ballot.show_id, ballot]),
  );
  const live = [...openOf].map(([showId, ballot]) => rowOf(showOf.get(showId), ballot));
  /** @param {string[]} ids */
  const rowsOf = (ids) =>
    ids.filter((id) => !openOf.has(id)).map((id) => rowOf(showOf.get(id), ballotOf.get(id) ?? null));
  const upcoming = rowsOf(upcomingIds);
  const past = rowsOf(pastIds);
  return {
    has_live: live.length > 0,
    live,
    upcoming,
    has_no_upcoming: upcoming.length === 0,
    past,
    has_no_past: past.length === 0,
  };
}

/** @param {any} show @param {any} ballot */
function rowOf(show, ballot) {
  const { weekday, number, month, year } = partsOfDay(show.local_date);
  return {
    show_id: show.show_id,
    href: `/shows/${show.show_id}`,
    artist: artistText(show),
    place: placeText(show),
    day: dayText(show.local_date),
    day_iso: show.local_date,
    weekday,
    day_number: number,
    month,
    year,
    starts: startsText(show),
    standing: show.status,
    phase: ballot?.status ?? "none",
    badge: badgeOf(show, ballot),
    votes: !ballot?.total ? "" : counted(ballot.total, "vote", "votes"),
    hours: hoursOf(show, ballot),
  };
}

/**
 * Called off or not comes first, then whether one can vote, then how far the show has come.
 *
 * @param {any} show
 * @param {any} ballot
 */
function badgeOf(show, ballot) {
  const status = ballot?.status ?? null;
  if (show.status === "postponed") return "Postponed";
  if (show.status === "cancelled") return "Cancelled";
  if (show.status === "live" && status !== "open") return "On stage now";
  const isAllThereIs = status === "closed" || (status === null && show.song_count === 0);
  if (show.status === "finished" && isAllThereIs) return "Finished";
  switch (status) {
    case "prepared":
      return "Opens soon";
    case "open":
      return "Vote now";
    case "closed":
      return "Voting closed";
    case "finalized":
      return "Result";
    default:
      return show.song_count > 0 ? "Setlist" : "";
  }
}

/** @param {any} show @param {any} ballot */
function hoursOf(show, ballot) {
  if (ballot?.status !== "open" || !ballot.closes_at) return "";
  return `Closes ${momentText(ballot.closes_at, show.time_zone)}`;
}
