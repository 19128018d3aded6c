// @ts-check
/**
 * Runs and schedules as rows, and the words for them.
 *
 * @module
 */

import { button, make, moment, opener, tag, UNITS } from "./making.js";
import { subjectOf } from "./subjects.js";
/** @import { Client } from "../client/index.js" */

/**
 * @typedef {object} Acts
 * @property {Client} client to look up the names of what jobs are about
 * @property {(name: string, args: Record<string, unknown>) => Promise<unknown>} send
 * @property {(runId: string) => void} open
 */

const OVERDUE_MS = 60_000;
const WHEN = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const STEP = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" });

/**
 * A job and what it is about, so that buttons can be called after it.
 *
 * @param {string} id
 * @param {Node} name
 * @param {any} told
 * @param {Acts} acts
 */
function aboutOf(id, name, told, acts) {
  const about = make("span", name);
  about.className = "about";
  about.id = id;
  if (Object.keys(told).length > 0) about.append(" ", subjectOf(acts.client, told));
  return about;
}

/** @param {string} list @param {any} run @param {Acts} acts @returns {[HTMLElement, HTMLElement]} the cell, and what it is about */
function jobCell(list, run, acts) {
  const about = aboutOf(`${list}-${run.run_id}`, opener(run.job, () => acts.open(run.run_id)), run.arguments, acts);
  const cause = run.cause === "schedule" ? "" : `, ${run.cause === "now" ? "by hand" : "backfill"}`;
  return [make("td", about, make("small", `${run.schedule_id}${cause}`)), about];
}

/** @param {any} run @param {Acts} acts @param {HTMLElement} about */
function cancelButton(run, acts, about) {
  const made = button("Cancel", () => acts.send("cancel-run", { run_id: run.run_id }), about);
  made.disabled = run.is_cancel_asked;
  return made;
}

/** @param {any} run @param {Acts} acts @param {HTMLElement} about */
const retryButton = (run, acts, about) => button("Retry", () => acts.send("retry-run", { run_id: run.run_id }), about);

/** @param {any} run @param {Acts} acts */
export function runningRow(run, acts) {
  const [job, about] = jobCell("running", run, acts);
  const attempt = make("td", `${run.attempt}, begun `, moment(run.started_at), make("br"), make("small", run.worker));
  const progress = make("td");
  if (run.progress !== null) {
    const { done, total, note } = run.progress;
    const bar = make("progress");
    bar.setAttribute("aria-label", `Progress of ${run.job}`);
    if (total) {
      bar.max = total;
      bar.value = done;
    }
    progress.append(bar, make("small", `${done}${total ? ` of ${total}` : ""} ${note}`));
  }
  if (run.is_cancel_asked) progress.append(tag("paused", "is being cancelled"));
  return make("tr", job, attempt, progress, make("td", cancelButton(run, acts, about)));
}

/** @param {any} run @param {Acts} acts */
export function parkedRow(run, acts) {
  const [job, about] = jobCell("parked", run, acts);
  const why = make("td", make("strong", run.failure?.code ?? ""), make("br"), make("small", run.failure?.detail ?? ""));
  const acting = make("td", retryButton(run, acts, about), cancelButton(run, acts, about));
  return make("tr", job, why, make("td", moment(run.at)), acting);
}

/** @param {any} run @param {Acts} acts */
export function upcomingRow(run, acts) {
  const [job, about] = jobCell("upcoming", run, acts);
  const when = run.status === "held" ? make("td", tag("paused", "held")) : make("td", moment(run.at));
  const attempt = make("td", String(run.attempt + 1));
  if (run.failure !== null) attempt.append(make("br"), make("small", `after ${run.failure.code}`));
  const acting = make("td", cancelButton(run, acts, about));
  const isOverdue = run.status === "scheduled" && Date.parse(run.at) < Date.now() - OVERDUE_MS;
  if (run.status === "waiting" || isOverdue) acting.prepend(retryButton(run, acts, about));
  return make("tr", job, when, attempt, acting);
}

/** @param {any} run @param {Acts} acts */
export function historyRow(run, acts) {
  const [job, about] = jobCell("history", run, acts);
  const tries = run.attempt > 1 ? ` after ${run.attempt} attempts` : "";
  const acting = make("td");
  if (run.status !== "succeeded") acting.append(retryButton(run, acts, about));
  return make("tr", job, make("td", moment(run.at)), make("td", tag(run.status), tries), acting);
}

/** @param {any} timing */
export function words(timing) {
  if (timing.kind === "once") return "once";
  if (timing.kind === "cron") return `${timing.expression} ${timing.zone}`;
  const [unit, size] = UNITS.find(([, each]) => timing.every_seconds % each === 0) ?? ["second", 1];
  const count = timing.every_seconds / size;
  return count === 1 ? `every ${unit}` : `every ${count} ${unit}s`;
}

/** @param {any} schedule @param {Acts} acts */
export function scheduleRow(schedule, acts) {
  const { schedule_id } = schedule;
  const isPaused = schedule.status === "paused";
  const about = aboutOf(`schedule-${schedule_id}`, make("strong", schedule.job), schedule.arguments, acts);
  const named = make("td", about, make("small", schedule_id));
  const when = make("td", words(schedule.timing), make("br"), make("small", `overlap: ${schedule.overlap}`));
  const next = make("td");
  if (isPaused) next.append(tag("paused"), make("br"), make("small", schedule.note));
  else if (schedule.next_at !== null) next.append(moment(schedule.next_at));
  const last = make("td");
  if (schedule.last_run_id !== null && schedule.last_run_status !== null) {
    const opening = opener(schedule.last_run_status, () => acts.open(schedule.last_run_id));
    opening.dataset.run = schedule.last_run_id;
    last.append(opening, " ", moment(schedule.last_at));
  }
  if (schedule.skipped > 0) last.append(make("br"), make("small", `${schedule.skipped} skipped`));
  /** @param {string} name @param {Record<string, unknown>} [more] */
  const send = (name, more) => acts.send(name, { schedule_id, ...more });
  const acting = make(
    "td",
    button("Run now", () => send("run-now"), about),
    isPaused
      ? button("Resume", () => send("resume-schedule"), about)
      : button("Pause", () => withNote("Why does it rest?", (note) => send("pause-schedule", { note })), about),
    button("Backfill", () => withRange((range) => send("backfill", range)), about),
    button("Cancel", () => withNote("Why does it end?", (note) => send("cancel-schedule", { note })), about),
  );
  return make("tr", named, when, next, last, acting);
}

/** @param {string} question @param {(note: string) => unknown} act */
function withNote(question, act) {
  const note = globalThis.prompt(`${question} Others will read it.`);
  return note === null ? null : act(note);
}

/** @param {(range: {since: string, until: string}) => unknown} act */
function withRange(act) {
  const hours = Number(globalThis.prompt("Backfill how many hours back from now?", "24"));
  if (!(hours > 0)) return null;
  const now = Date.now();
  return act({ since: new Date(now - hours * 3_600_000).toISOString(), until: new Date(now).toISOString() });
}

/** What happened to a run, as it is shown. @param {any} step */
export function stepItem(step) {
  const what = step.what.replace("run_", "").replaceAll("_", " ");
  const attempt = step.attempt > 0 ? `, attempt ${step.attempt}` : "";
  const item = make("li", make("span", STEP.format(new Date(step.at))), make("strong", what + attempt));
  const detail = [step.detail, step.by].filter((each) => each !== "").join(" · ");
  if (detail !== "") item.append(make("small", detail));
  return item;
}

/** @param {any} history @param {Acts} acts @returns {[string, string | Node][]} */
export function factsOf({ run, arguments: told }, acts) {
  /** @type {[string, string | Node][]} */
  const facts = [
    ["Job", run.job],
    ...(Object.keys(told).length > 0 ? [/** @type {[string, Node]} */ (["About", subjectOf(acts.client, told)])] : []),
    ["Told", JSON.stringify(told)],
    ["Schedule", run.schedule_id],
    ["Asked for by", `${run.cause}, ${run.asked_by}`],
    ["Due", WHEN.format(new Date(run.due_at))],
    ["Stands", run.status],
    ["Run", run.run_id],
  ];
  if (run.trace !== "") facts.push(["Trace", run.trace.split("-")[1] ?? run.trace]);
  return facts;
}
