// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient, newKey, Problem } from "../src/index.js";
import { becomes, Gateway } from "./gateway.js";

const QUICK = { firstMs: 20, mostMs: 40 };
const CAST = "voting.cast-vote";
const VOTE = { show_id: "s1", song_id: "a" };
const ignore = () => {};

/** @param {import("node:test").TestContext} test @param {import("../src/index.js").ClientOptions} [options] */
async function meet(test, options = {}) {
  const gateway = await Gateway.start(test);
  const client = createClient({ url: gateway.url, storage: null, backoff: QUICK, ...options });
  test.after(() => client.close());
  return { gateway, client };
}

/** Answer the calls of one path with these answers, in order, the last one for good. */
function script(/** @type {Gateway} */ gateway, /** @type {any[]} */ ...answers) {
  const otherwise = gateway.answer;
  gateway.answer = (request) =>
    request.path === "/v1/voting/cast-vote"
      ? answers.length > 1
        ? answers.shift()
        : answers[0]
      : otherwise(request);
  return () => gateway.requests.filter(({ path }) => path === "/v1/voting/cast-vote");
}

/** @param {string} code */
const isProblem = (code) => (/** @type {unknown} */ error) => error instanceof Problem && error.code === code;

test("posts a command with a key of its own when nothing is connected", async (t) => {
  const { client, gateway } = await meet(t);
  const sent = script(gateway, { body: { vote_id: "v1", song_id: "a", position: 3, repeated: false } });
  assert.equal((await client.command(CAST, VOTE)).vote_id, "v1");
  await client.command(CAST, VOTE);
  const [first, second] = sent();
  assert.equal(first?.method, "POST");
  assert.deepEqual(first?.body, VOTE);
  assert.match(String(first?.headers["idempotency-key"]), /^[0-9a-f]{32}$/);
  assert.notEqual(first?.headers["idempotency-key"], second?.headers["idempotency-key"]);
});

test("tries again with the same key when the server is full, no sooner than it asked", async (t) => {
  const { client, gateway } = await meet(t);
  const sent = script(
    gateway,
    { status: 503, headers: { "retry-after": "0.1" }, body: { code: "unavailable", kind: "unavailable" } },
    { status: 429, body: { code: "rate-limited", kind: "rate-limited", retry_after: 0.1 } },
    { status: 502, headers: { "content-type": "text/html" }, body: "<h1>Bad gateway</h1>" },
    { body: { vote_id: "v1" } },
  );
  const started = performance.now();
  await client.command(CAST, VOTE);
  assert.ok(performance.now() - started >= 200);
  assert.equal(new Set(sent().map(({ headers }) => headers["idempotency-key"])).size, 1);
  assert.equal(sent().length, 4);
});

test("tries again with the same key when the answer is lost", async (t) => {
  const { client, gateway } = await meet(t, { attemptTimeoutMs: 100 });
  const sent = script(gateway, { hang: true }, { body: { vote_id: "v1", repeated: true } });
  assert.equal((await client.command(CAST, VOTE)).repeated, true);
  const [first, second] = sent();
  assert.equal(first?.headers["idempotency-key"], second?.headers["idempotency-key"]);
});

test("gives up with a passing problem when the time is up, and can go on with the same key", async (t) => {
  const { client, gateway } = await meet(t);
  const sent = script(gateway, {
    status: 503,
    body: { code: "unavailable", kind: "unavailable", retry_after: 60 },
  });
  const key = newKey();
  await assert.rejects(client.command(CAST, VOTE, { key, timeoutMs: 1_000 }), isProblem("unavailable"));
  script(gateway, { body: { vote_id: "v1" } });
  await client.command(CAST, VOTE, { key });
  assert.deepEqual(
    gateway.requests.map(({ headers }) => headers["idempotency-key"]),
    [key, key],
  );
  assert.equal(sent().length, 2);
});

test("does not try again when the domain says no", async (t) => {
  const { client, gateway } = await meet(t);
  const sent = script(gateway, {
    status: 409,
    body: { code: "voting.ballot-not-open", kind: "rejected", title: "Closed." },
  });
  await assert.rejects(client.command(CAST, VOTE), isProblem("voting.ballot-not-open"));
  assert.equal(sent().length, 1);
});

test("tries once more after a conflict", async (t) => {
  const { client, gateway } = await meet(t);
  const conflict = { status: 409, body: { code: "conflict", kind: "conflict" } };
  script(gateway, conflict, { body: { vote_id: "v1" } });
  await client.command(CAST, VOTE);
  const sent = script(gateway, conflict);
  await assert.rejects(client.command(CAST, VOTE), isProblem("conflict"));
  assert.equal(sent().length, 4);
});

test("stops trying when the caller gives up", async (t) => {
  const { client, gateway } = await meet(t);
  script(gateway, { status: 503, body: { code: "unavailable", kind: "unavailable", retry_after: 5 } });
  const giveUp = new AbortController();
  const sending = client.command(CAST, VOTE, { signal: giveUp.signal });
  await gateway.until(() => gateway.requests.length === 1, "the first attempt");
  giveUp.abort();
  await assert.rejects(sending, isProblem("client.aborted"));
});

test("begins a guest session first when asked to, once for all who ask", async (t) => {
  const { client, gateway } = await meet(t);
  script(gateway, { body: { vote_id: "v1" } });
  await Promise.all([1, 2, 3].map(() => client.command(CAST, VOTE, { signIn: "guest" })));
  const starts = gateway.requests.filter(({ path }) => path.endsWith("start-guest-session"));
  assert.equal(starts.length, 1);
  const token = client.session.getSnapshot()?.token;
  for (const { headers, path } of gateway.requests) {
    if (path.endsWith("cast-vote")) assert.equal(headers.authorization, `Bearer ${token}`);
  }
});

test("renews a guest session once when its token is no longer accepted", async (t) => {
  const { client, gateway } = await meet(t);
  client.session.signIn({ user_id: "old", token: "expired" });
  script(
    gateway,
    { status: 401, body: { code: "unauthenticated", kind: "unauthenticated" } },
    { body: { vote_id: "v1" } },
  );
  await client.command(CAST, VOTE, { signIn: "guest" });
  assert.match(client.session.getSnapshot()?.token ?? "", /^token-/);

  script(gateway, { status: 401, body: { code: "unauthenticated", kind: "unauthenticated" } });
  await assert.rejects(client.command(CAST, VOTE, { signIn: "guest" }), isProblem("unauthenticated"));
});

test("sends over the live connection when that is open", async (t) => {
  const { client, gateway } = await meet(t);
  t.after(client.query("x.y", {}).subscribe(ignore));
  const line = await gateway.line(1);
  await line.next("subscribe");
  const sending = client.command(CAST, VOTE, { key: "k1" });
  const { id, ...frame } = await line.next("command");
  assert.deepEqual(frame, { op: "command", command: CAST, args: VOTE, key: "k1" });
  line.send({ op: "reply", id, position: 4, result: { vote_id: "v1", position: 4 } });
  assert.deepEqual(await sending, { vote_id: "v1", position: 4 });
  assert.equal(gateway.requests.length, 0);
});

test("a problem over the live connection is the same problem", async (t) => {
  const { client, gateway } = await meet(t);
  t.after(client.query("x.y", {}).subscribe(ignore));
  const line = await gateway.line(1);
  await line.next("subscribe");
  const sending = client.command(CAST, VOTE);
  const { id } = await line.next("command");
  line.send({
    op: "error",
    id,
    problem: { code: "voting.song-not-on-ballot", kind: "rejected", status: 409 },
  });
  await assert.rejects(sending, isProblem("voting.song-not-on-ballot"));
});

test("stops waiting for a reply over the live connection when the caller gives up", async (t) => {
  const { client, gateway } = await meet(t);
  t.after(client.query("x.y", {}).subscribe(ignore));
  const line = await gateway.line(1);
  await line.next("subscribe");
  const giveUp = new AbortController();
  const sending = client.command(CAST, VOTE, { signal: giveUp.signal });
  await line.next("command");
  giveUp.abort();
  await assert.rejects(sending, isProblem("client.aborted"));
});

test("takes the other way with the same key when the line is cut before the reply", async (t) => {
  const { client, gateway } = await meet(t);
  const sent = script(gateway, { body: { vote_id: "v1", repeated: true } });
  t.after(client.query("x.y", {}).subscribe(ignore));
  const line = await gateway.line(1);
  await line.next("subscribe");
  const sending = client.command(CAST, VOTE, { key: "k1" });
  await line.next("command");
  line.cut();
  assert.equal((await sending).vote_id, "v1");
  assert.equal(sent()[0]?.headers["idempotency-key"], "k1");
});

/** @param {{song_id: string}} vote */
const withVote = (vote) => (/** @type {any} */ result, /** @type {any} */ reply) => ({
  votes: [reply?.song_id ?? vote.song_id],
});

test("shows what is expected at once, and keeps it until the live result has it", async (t) => {
  const { client, gateway } = await meet(t);
  const mine = client.query(
    "voting.get-my-vote",
    { show_id: "s1" },
    { initial: { result: { votes: [] }, position: 1, cursor: "c1" } },
  );
  t.after(mine.subscribe(ignore));
  const line = await gateway.line(1);
  const { id: query } = await line.next("subscribe");
  /** @type {any[]} */
  const shown = [];
  t.after(mine.subscribe(() => void shown.push(mine.getSnapshot().result?.votes)));

  const sending = client.command(CAST, VOTE, { expect: [{ query: mine, update: withVote(VOTE) }] });
  assert.deepEqual(mine.getSnapshot().result, { votes: ["a"] });
  const { id } = await line.next("command");
  line.send({
    op: "change",
    id: query,
    position: 8,
    cursor: "c8",
    patch: [{ op: "add", path: "/note", value: 1 }],
  });
  line.send({ op: "reply", id, position: 9, result: { song_id: "a" } });
  await sending;
  assert.deepEqual(mine.getSnapshot().result?.votes, ["a"], "the result at 8 does not have it yet");
  line.send({
    op: "change",
    id: query,
    position: 9,
    cursor: "c9",
    patch: [{ op: "replace", path: "/votes", value: ["a"] }],
  });
  await becomes(mine, ({ position }) => position === 9);
  assert.deepEqual(mine.getSnapshot().result, { votes: ["a"], note: 1 });
  assert.ok(
    shown.every((votes) => votes.join() === "a"),
    "never back and forth",
  );
});

test("shows the reply's truth when it is another than expected", async (t) => {
  const { client, gateway } = await meet(t);
  const mine = client.query(
    "voting.get-my-vote",
    { show_id: "s1" },
    { initial: { result: { votes: [] }, position: 1 } },
  );
  script(gateway, { body: { vote_id: "v0", song_id: "b", position: 5, repeated: true } });
  await client.command(CAST, VOTE, { expect: [{ query: mine, update: withVote(VOTE) }] });
  assert.deepEqual(mine.getSnapshot().result, { votes: ["b"] });
});

test("rolls back what was expected when the command is refused", async (t) => {
  const { client, gateway } = await meet(t);
  const mine = client.query(
    "voting.get-my-vote",
    { show_id: "s1" },
    { initial: { result: { votes: [] }, position: 1 } },
  );
  const before = mine.getSnapshot().result;
  script(gateway, { status: 409, body: { code: "voting.ballot-not-open", kind: "rejected" } });
  await assert.rejects(client.command(CAST, VOTE, { expect: [{ query: mine, update: withVote(VOTE) }] }));
  assert.equal(mine.getSnapshot().result, before);
});

test("asks once by HTTP, with lists as repeated parameters", async (t) => {
  const { client, gateway } = await meet(t);
  gateway.answer = () => ({ body: { ballots: [] } });
  assert.deepEqual(await client.ask("voting.list-ballots", { show_ids: ["a b", "c"], status: null }), {
    ballots: [],
  });
  assert.equal(gateway.requests[0]?.path, "/v1/voting/list-ballots?show_ids=a+b&show_ids=c");
  gateway.answer = () => ({ body: "not json" });
  await assert.rejects(client.ask("x.y", {}), isProblem("client.unreadable"));
});
