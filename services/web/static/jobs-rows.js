// @ts-check
/**
 * Runs and schedules as rows, and the words for them.
 *
 * @module
 */

/**
 * @typedef {object} Acts
 * @property {(name: string, args: Record<string, unknown>) => Promise<void>} send
 * @property {(runId: string) => void} open
 */

const OVERDUE_MS = 60_000;
const WHEN = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const STEP = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" });
const AGO = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {...(Node | string)} content
 */
export function make(tag, ...content) {
  const made = document.createElement(tag);
  made.append(...content);
  return made;
}

/** @param {string} text @param {() => unknown} act @param {string} [about] what it is done to, for those who do not see the row */
export function button(text, act, about = "") {
  const made = make("button", text);
  made.type = "button";
  made.className = "small-button";
  if (about !== "") made.setAttribute("aria-label", `${text} ${about}`);
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await act();
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

/** A moment, told as the distance to now: `tick` keeps it true. @param {string} at */
export function moment(at) {
  const made = make("time", distance(at));
  made.dateTime = at;
  made.title = WHEN.format(new Date(at));
  return made;
}

/** @param {string} at */
function distance(at) {
  const seconds = (Date.parse(at) - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  return AGO.format(Math.trunc(seconds / size), unit);
}

/** Keep all moments on the page true. */
export function tick() {
  for (const each of document.querySelectorAll("time")) {
    const text = distance(each.dateTime);
    if (each.textContent !== text) each.textContent = text;
  }
}

/** @param {string} status @param {string} [text] */
function tag(status, text = status) {
  const made = make("span", text);
  made.className = "tag";
  made.dataset.status = status;
  return made;
}

/** @param {any} run @param {Acts} acts */
function jobCell(run, acts) {
  const name = make("button", run.job);
  name.type = "button";
  name.className = "link";
  name.addEventListener("click", () => acts.open(run.run_id));
  const cause = run.cause === "schedule" ? "" : `, ${run.cause === "now" ? "by hand" : "backfill"}`;
  return make("td", name, make("br"), make("small", `${run.schedule_id}${cause}`));
}

/** @param {any} run @param {Acts} acts */
function cancelButton(run, acts) {
  const made = button("Cancel", () => acts.send("cancel-run", { run_id: run.run_id }), run.job);
  made.disabled = run.is_cancel_asked;
  return made;
}

/** @param {any} run @param {Acts} acts */
const retryButton = (run, acts) => button("Retry", () => acts.send("retry-run", { run_id: run.run_id }), run.job);

/** @param {any} run @param {Acts} acts */
export function runningRow(run, acts) {
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
  return make("tr", jobCell(run, acts), attempt, progress, make("td", cancelButton(run, acts)));
}

/** @param {any} run @param {Acts} acts */
export function parkedRow(run, acts) {
  const why = make("td", make("strong", run.failure?.code ?? ""), make("br"), make("small", run.failure?.detail ?? ""));
  const acting = make("td", retryButton(run, acts), cancelButton(run, acts));
  return make("tr", jobCell(run, acts), why, make("td", moment(run.at)), acting);
}

/** @param {any} run @param {Acts} acts */
export function upcomingRow(run, acts) {
  const when = run.status === "held" ? make("td", tag("paused", "held")) : make("td", moment(run.at));
  const attempt = make("td", String(run.attempt + 1));
  if (run.failure !== null) attempt.append(make("br"), make("small", `after ${run.failure.code}`));
  const acting = make("td", cancelButton(run, acts));
  const isOverdue = run.status === "scheduled" && Date.parse(run.at) < Date.now() - OVERDUE_MS;
  if (run.status === "waiting" || isOverdue) acting.prepend(retryButton(run, acts));
  return make("tr", jobCell(run, acts), when, attempt, acting);
}

/** @param {any} run @param {Acts} acts */
export function historyRow(run, acts) {
  const tries = run.attempt > 1 ? ` after ${run.attempt} attempts` : "";
  const acting = make("td");
  if (run.status !== "succeeded") acting.append(retryButton(run, acts));
  return make("tr", jobCell(run, acts), make("td", moment(run.at)), make("td", tag(run.status), tries), acting);
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
  const about = { schedule_id: schedule.schedule_id };
  const isPaused = schedule.status === "paused";
  const named = make("td", make("strong", schedule.schedule_id), make("br"), make("small", schedule.job));
  const when = make("td", words(schedule.timing), make("br"), make("small", `overlap: ${schedule.overlap}`));
  const next = make("td");
  if (isPaused) next.append(tag("paused"), make("br"), make("small", schedule.note));
  else if (schedule.next_at !== null) next.append(moment(schedule.next_at));
  const last = make("td");
  if (schedule.last_run_id !== null && schedule.last_run_status !== null) {
    const opening = make("button", schedule.last_run_status);
    opening.type = "button";
    opening.className = "link";
    opening.addEventListener("click", () => acts.open(schedule.last_run_id));
    last.append(opening, " ", moment(schedule.last_at));
  }
  if (schedule.skipped > 0) last.append(make("br"), make("small", `${schedule.skipped} skipped`));
  const name = schedule.schedule_id;
  const acting = make(
    "td",
    button("Run now", () => acts.send("run-now", about), name),
    isPaused
      ? button("Resume", () => acts.send("resume-schedule", about), name)
      : button("Pause", () => withNote("Why does it rest?", (note) => acts.send("pause-schedule", { ...about, note })), name),
    button("Backfill", () => withRange((range) => acts.send("backfill", { ...about, ...range })), name),
    button("Cancel", () => withNote("Why does it end?", (note) => acts.send("cancel-schedule", { ...about, note })), name),
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

/** @param {any} history @returns {[string, string][]} */
export function factsOf({ run, arguments: told }) {
  /** @type {[string, string][]} */
  const facts = [
    ["Job", run.job],
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
