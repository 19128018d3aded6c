// @ts-check
/**
 * The page of jobs: what runs, what is to come, what has been; all of it live.
 *
 * @module
 */
import { setText } from "./bind.js";
import { factsOf, historyRow, parkedRow, runningRow, scheduleRow, stepItem, upcomingRow } from "./jobs-rows.js";
import { drawLive, lister, offer, sayingAt, sender } from "./live-list.js";
import { factItems, tick } from "./making.js";
import { connectSignedIn, element } from "./page-state.js";
/** @import { Acts } from "./jobs-rows.js" */

const SHOWN_MAX = 50;
const client = connectSignedIn();

const say = sayingAt("jobs-said");
const send = sender(client, say);

/** @type {Acts} */
const acts = {
  client,
  send: (name, args) => send(`scheduler.${name}`, args),
  open: (runId) => showRun(runId),
};

/**
 * @param {string} which
 * @param {(run: any, acts: Acts) => HTMLElement} rowOf
 * @param {(runs: any[]) => void} [also] what else is drawn with them
 */
function listRuns(which, rowOf, also = () => {}) {
  const draw = lister({ name: which, keyOf: (run) => run.run_id, rowOf: (run) => rowOf(run, acts) });
  const drawAll = (/** @type {any} */ { runs, next }) => {
    draw(runs, next !== null);
    also(runs);
  };
  drawLive(client, "scheduler.list-runs", { which, limit: SHOWN_MAX }, drawAll, say);
}

/** @type {any[]} */
let parked = [];
listRuns("running", runningRow);
listRuns("parked", parkedRow, (runs) => {
  parked = runs;
  element("parked-acts").toggleAttribute("hidden", runs.length < 2);
});
const drawSchedules = lister({
  name: "schedules",
  keyOf: (schedule) => schedule.schedule_id,
  rowOf: (schedule) => scheduleRow(schedule, acts),
});
drawLive(
  client,
  "scheduler.list-schedules",
  { is_recurring: true, limit: 100 },
  ({ schedules, next }) => drawSchedules(schedules, next !== null),
  say,
);
listRuns("upcoming", upcomingRow);
listRuns("history", historyRow);
setInterval(tick, 1000);

element("retry-all").addEventListener("click", () => {
  for (const run of parked) void acts.send("retry-run", { run_id: run.run_id });
});

// ---------------------------------------------------------------------------------- figures

drawLive(
  client,
  "scheduler.count-runs",
  {},
  ({ counts }) => {
    const of = (/** @type {string[]} */ ...names) => names.reduce((sum, name) => sum + (counts[name] ?? 0), 0);
    const shown = { running: of("running"), upcoming: of("scheduled", "held", "waiting"), parked: of("parked") };
    for (const [name, count] of Object.entries(shown)) {
      const figure = element(`figure-${name}`);
      setText(figure, count.toLocaleString("en"));
      figure.parentElement?.toggleAttribute("data-some", count > 0);
    }
  },
  say,
);

// ---------------------------------------------------------------------------------- one run

const dialog = /** @type {HTMLDialogElement} */ (element("run"));
let stopShowing = () => {};
dialog.addEventListener("close", () => stopShowing());

/** @param {string} runId */
function showRun(runId) {
  stopShowing();
  const draw = (/** @type {any} */ history) => {
    element("run-facts").replaceChildren(...factItems(factsOf(history, acts)));
    element("run-steps").replaceChildren(...history.steps.map(stepItem));
  };
  stopShowing = drawLive(client, "scheduler.get-run", { run_id: runId }, draw, say);
  if (!dialog.open) dialog.showModal();
}

// ---------------------------------------------------------------------------------- a new schedule

const form = /** @type {HTMLFormElement} */ (element("put"));
const jobSelect = /** @type {HTMLSelectElement} */ (form.elements.namedItem("job"));
drawLive(
  client,
  "scheduler.list-jobs",
  {},
  ({ jobs }) => {
    const known = jobs.filter((/** @type {any} */ job) => job.is_registered);
    offer(
      jobSelect,
      known.map((/** @type {any} */ { name, summary }) => [name, `${name}: ${summary}`]),
    );
  },
  say,
);

form.addEventListener("change", () => {
  const kind = String(new FormData(form).get("kind"));
  for (const label of form.querySelectorAll("[data-for]")) {
    label.toggleAttribute("hidden", !label.getAttribute("data-for")?.split(" ").includes(kind));
  }
});

/** @param {Record<string, string>} fields */
function timingOf({ kind, expression, zone, seconds }) {
  if (kind === "cron") return { kind, expression, zone };
  return kind === "interval"
    ? { kind, every_seconds: Number(seconds) }
    : { kind, run_after_seconds: Number(seconds) };
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(form)));
  let told;
  try {
    told = JSON.parse(fields.arguments ?? "{}");
  } catch {
    say("What the job is told is not JSON.");
    return;
  }
  const { schedule_id, job, overlap } = fields;
  void acts.send("put-schedule", { schedule_id, job, overlap, arguments: told, timing: timingOf(fields) });
});
