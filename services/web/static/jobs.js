// @ts-check
/**
 * The page of jobs: what runs, what is to come, what has been; all of it live.
 *
 * @module
 */
import { newKey, Problem } from "../client/index.js";
import { setText } from "./bind.js";
import {
  factsOf,
  historyRow,
  make,
  parkedRow,
  runningRow,
  scheduleRow,
  stepItem,
  tick,
  upcomingRow,
} from "./jobs-rows.js";
import { connect, element, oncePerFrame, readState } from "./page-state.js";
/** @import { Acts } from "./jobs-rows.js" */

const SHOWN_MAX = 50;
const client = connect(readState());
if (client.session.getSnapshot()?.session_id === undefined) location.replace("/sign-in");

const said = element("jobs-said");

/** @param {string} text */
function say(text) {
  setText(said, text);
  said.toggleAttribute("hidden", text === "");
}

/** @type {Acts} */
const acts = {
  send: async (name, args) => {
    try {
      await client.command(`scheduler.${name}`, args, { key: newKey() });
      say("");
    } catch (error) {
      const problem = Problem.from(error);
      say(problem.message);
    }
  },
  open: (runId) => showRun(runId),
};

/**
 * A live list: rows that are as they were stay, so that nobody loses the button under their finger.
 *
 * @param {string} name of the list on the page
 * @param {string} query
 * @param {Record<string, unknown>} args
 * @param {(result: any) => any[]} itemsOf
 * @param {(item: any) => string} keyOf
 * @param {(item: any, acts: Acts) => HTMLElement} rowOf
 */
function list(name, query, args, itemsOf, keyOf, rowOf) {
  const body = element(name);
  const live = client.query(query, args, { personal: true });
  /** @type {Map<string, {text: string, row: HTMLElement}>} */
  let known = new Map();
  const draw = oncePerFrame(() => {
    const { result, problem } = live.getSnapshot();
    if (problem) say(problem.title);
    if (!result) return;
    const items = itemsOf(result);
    const drawn = new Map(
      items.map((item) => {
        const [key, text] = [keyOf(item), JSON.stringify(item)];
        const before = known.get(key);
        return [key, before?.text === text ? before : { text, row: rowOf(item, acts) }];
      }),
    );
    known = drawn;
    const rows = [...drawn.values()].map(({ row }) => row);
    if (rows.length !== body.children.length || rows.some((row, at) => row !== body.children[at])) {
      body.replaceChildren(...rows);
    }
    element(`${name}-empty`).toggleAttribute("hidden", items.length > 0);
    setText(element(`${name}-count`), result.next ? `first ${items.length}` : "");
    if (name === "parked") element("parked-acts").toggleAttribute("hidden", items.length < 2);
  });
  live.subscribe(draw);
  draw();
  return () => itemsOf(live.getSnapshot().result ?? {});
}

/** @param {string} which @param {(run: any, acts: Acts) => HTMLElement} rowOf */
function listRuns(which, rowOf) {
  const args = { which, limit: SHOWN_MAX };
  return list(which, "scheduler.list-runs", args, ({ runs = [] }) => runs, (run) => run.run_id, rowOf);
}

listRuns("running", runningRow);
const parked = listRuns("parked", parkedRow);
list(
  "schedules",
  "scheduler.list-schedules",
  { is_recurring: true, limit: 100 },
  ({ schedules = [] }) => schedules,
  (schedule) => schedule.schedule_id,
  scheduleRow,
);
listRuns("upcoming", upcomingRow);
listRuns("history", historyRow);
setInterval(tick, 1000);

element("retry-all").addEventListener("click", () => {
  for (const run of parked()) void acts.send("retry-run", { run_id: run.run_id });
});

// ---------------------------------------------------------------------------------- figures

const counts = client.query("scheduler.count-runs", {}, { personal: true });
const showCounts = () => {
  const found = counts.getSnapshot().result?.counts;
  if (!found) return;
  const of = (/** @type {string[]} */ ...names) => names.reduce((sum, name) => sum + (found[name] ?? 0), 0);
  const shown = { running: of("running"), upcoming: of("scheduled", "held", "waiting"), parked: of("parked") };
  for (const [name, count] of Object.entries(shown)) {
    const figure = element(`figure-${name}`);
    setText(figure, count.toLocaleString("en"));
    figure.parentElement?.toggleAttribute("data-some", count > 0);
  }
};
counts.subscribe(showCounts);
showCounts();

// ---------------------------------------------------------------------------------- one run

const dialog = /** @type {HTMLDialogElement} */ (element("run"));
let stopShowing = () => {};
dialog.addEventListener("close", () => stopShowing());

/** @param {string} runId */
function showRun(runId) {
  stopShowing();
  const history = client.query("scheduler.get-run", { run_id: runId }, { personal: true });
  const draw = () => {
    const { result, problem } = history.getSnapshot();
    if (problem) say(problem.title);
    if (!result) return;
    const facts = factsOf(result).flatMap(([name, value]) => [make("dt", name), make("dd", value)]);
    element("run-facts").replaceChildren(...facts);
    element("run-steps").replaceChildren(...result.steps.map(stepItem));
  };
  stopShowing = history.subscribe(draw);
  draw();
  if (!dialog.open) dialog.showModal();
}

// ---------------------------------------------------------------------------------- a new schedule

const form = /** @type {HTMLFormElement} */ (element("put"));
const jobs = client.query("scheduler.list-jobs", {}, { personal: true });
const showJobs = () => {
  const known = (jobs.getSnapshot().result?.jobs ?? []).filter((/** @type {any} */ job) => job.is_registered);
  const select = /** @type {HTMLSelectElement} */ (form.elements.namedItem("job"));
  const chosen = select.value;
  select.replaceChildren(
    ...known.map((/** @type {any} */ job) => {
      const option = make("option", `${job.name}: ${job.summary}`);
      option.value = job.name;
      return option;
    }),
  );
  if (chosen !== "") select.value = chosen;
};
jobs.subscribe(showJobs);
showJobs();

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
