// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../src/index.js";
import { becomes, Gateway } from "./gateway.js";

const QUICK = { firstMs: 20, mostMs: 40 };
const TALLY = "voting.get-tally";
const ARGS = { show_id: "s1" };
const ignore = () => {};

/** @param {import("node:test").TestContext} test @param {import("../src/index.js").ClientOptions} [options] */
async function meet(test, options = {}) {
  const gateway = await Gateway.start(test);
  const client = createClient({ url: gateway.url, storage: null, backoff: QUICK, ...options });
  test.after(() => client.close());
  return { gateway, client };
}

/** A storage like the browser's. @param {Record<string, string>} [items] */
function memory(items = {}) {
  const map = new Map(Object.entries(items));
  return {
    getItem: (/** @type {string} */ key) => map.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void map.set(key, value),
    removeItem: (/** @type {string} */ key) => void map.delete(key),
  };
}

const signedIn = () => memory({ "backline.session": JSON.stringify({ user_id: "u1", token: "t1" }) });

test("stays away from the server until a query is watched", async (t) => {
  const { client, gateway } = await meet(t);
  const query = client.query(TALLY, ARGS);
  assert.equal(client.live.getSnapshot().phase, "idle");
  assert.equal(gateway.lines.length, 0);
  t.after(query.subscribe(ignore));
  const line = await gateway.line(1);
  assert.deepEqual(await line.next("subscribe"), {
    op: "subscribe",
    id: 1,
    query: TALLY,
    args: ARGS,
    cursor: null,
  });
});

test("a result replaces and a change patches", async (t) => {
  const { client, gateway } = await meet(t);
  const query = client.query(TALLY, ARGS);
  t.after(query.subscribe(ignore));
  const line = await gateway.line(1);
  const { id } = await line.next("subscribe");

  line.send({ op: "result", id, position: 7, cursor: "c7", result: { total: 1, counts: { a: 1 } } });
  const first = await becomes(query, ({ position }) => position === 7);
  assert.equal(first.status, "live");
  assert.deepEqual(first.result, { total: 1, counts: { a: 1 } });

  line.send({
    op: "change",
    id,
    position: 9,
    cursor: "c9",
    patch: [{ op: "replace", path: "/total", value: 2 }],
  });
  const second = await becomes(query, ({ position }) => position === 9);
  assert.equal(second.result.total, 2);
  assert.equal(second.result.counts, first.result.counts, "what did not change is the same object");
  assert.equal(second.resets, 0);
});

test("the same question is one query and one subscription, until the last one stops watching", async (t) => {
  const { client, gateway } = await meet(t);
  const query = client.query("x.y", { a: 1, b: 2 });
  assert.equal(client.query("x.y", { b: 2, a: 1 }), query);
  const stops = [query.subscribe(ignore), query.subscribe(ignore)];
  const line = await gateway.line(1);
  await line.next("subscribe");
  stops[0]?.();
  stops[0]?.();
  stops[1]?.();
  assert.deepEqual(await line.next("unsubscribe"), { op: "unsubscribe", id: 1 });
  assert.equal(line.frames.length, 2);
});

test("resumes from each query's own cursor when the line was cut", async (t) => {
  const { client, gateway } = await meet(t);
  const tally = client.query(TALLY, ARGS);
  const ballot = client.query("voting.get-ballot", ARGS, {
    initial: { result: { status: "open" }, position: 3, cursor: "c3" },
  });
  t.after(tally.subscribe(ignore));
  t.after(ballot.subscribe(ignore));
  const first = await gateway.line(1);
  const asked = await first.next("subscribe");
  assert.equal((await first.next("subscribe")).cursor, "c3", "what the page was rendered from");
  first.send({ op: "result", id: asked.id, position: 5, cursor: "c5", result: { total: 5 } });
  await becomes(tally, ({ position }) => position === 5);
  first.cut();

  await becomes(tally, ({ status }) => status === "waiting");
  assert.deepEqual(tally.getSnapshot().result, { total: 5 }, "the last truth stays on the page");
  const second = await gateway.line(2);
  const again = await second.next("subscribe");
  assert.equal(again.cursor, "c5");
  second.send({ op: "resumed", id: again.id, position: 5, cursor: "c5" });
  await becomes(tally, ({ status }) => status === "live");
  second.send({
    op: "change",
    id: again.id,
    position: 6,
    cursor: "c6",
    patch: [{ op: "replace", path: "/total", value: 6 }],
  });
  const caughtUp = await becomes(tally, ({ position }) => position === 6);
  assert.deepEqual([caughtUp.result, caughtUp.status, caughtUp.resets], [{ total: 6 }, "live", 0]);
});

test("a result after a reconnect is an explicit reset", async (t) => {
  const { client, gateway } = await meet(t);
  const query = client.query(TALLY, ARGS, {
    initial: { result: { total: 1 }, position: 900, cursor: "old-epoch" },
  });
  t.after(query.subscribe(ignore));
  const line = await gateway.line(1);
  const { id } = await line.next("subscribe");
  line.send({ op: "result", id, position: 2, cursor: "new", result: { total: 0 } });
  const snapshot = await becomes(query, ({ resets }) => resets === 1);
  assert.deepEqual([snapshot.result, snapshot.position], [{ total: 0 }, 2]);
});

test("asks for a whole result when a change does not fit", async (t) => {
  const { client, gateway } = await meet(t);
  const query = client.query(TALLY, ARGS, { initial: { result: {}, position: 1, cursor: "c1" } });
  t.after(query.subscribe(ignore));
  const line = await gateway.line(1);
  const { id } = await line.next("subscribe");
  line.send({ op: "change", id, position: 2, cursor: "c2", patch: [{ op: "remove", path: "/nowhere" }] });
  assert.equal((await line.next("unsubscribe")).id, id);
  const again = await line.next("subscribe");
  assert.equal(again.cursor, null);
  // What was still on the way for the old subscription no longer counts.
  line.send({ op: "result", id, position: 3, cursor: "c3", result: { stale: true } });
  line.send({ op: "result", id: again.id, position: 4, cursor: "c4", result: { fresh: true } });
  assert.deepEqual((await becomes(query, ({ position }) => position === 4)).result, { fresh: true });
});

for (const code of [1000, 1006, 1012, 4000, 4499]) {
  test(`comes back after close code ${code}`, async (t) => {
    const { client, gateway } = await meet(t);
    t.after(client.query(TALLY, ARGS).subscribe(ignore));
    const line = await gateway.line(1);
    await line.next("subscribe");
    if (code === 1006) line.cut();
    else line.close(code);
    await (await gateway.line(2)).next("subscribe");
  });
}

for (const code of [4500, 4999]) {
  test(`does not come back after close code ${code} until told to`, async (t) => {
    const { client, gateway } = await meet(t);
    t.after(client.query(TALLY, ARGS).subscribe(ignore));
    const line = await gateway.line(1);
    await line.next("subscribe");
    line.close(code, "too many connections");
    const { problem } = await becomes(client.live, ({ phase }) => phase === "stopped");
    assert.match(problem.message, /too many connections/);
    assert.equal(client.live.getSnapshot().retryAt, null);
    assert.equal(gateway.lines.length, 1);
    client.live.retryNow();
    await (await gateway.line(2)).next("subscribe");
  });
}

test("keeps trying when nobody is there, and says when", async (t) => {
  const gateway = await Gateway.start(t);
  const { port, url } = gateway;
  await gateway.stop();
  const client = createClient({ url, storage: null, backoff: QUICK });
  t.after(() => client.close());
  t.after(client.query(TALLY, ARGS).subscribe(ignore));
  const { retryAt } = await becomes(client.live, ({ phase }) => phase === "waiting");
  assert.ok(Math.abs(retryAt - Date.now()) < 1_000);
  const later = await Gateway.start(t, port);
  await (await later.line(1)).next("subscribe");
});

test("begins again after a frame that cannot be read", async (t) => {
  const { client, gateway } = await meet(t);
  t.after(client.query(TALLY, ARGS, { initial: { result: {}, cursor: "c1" } }).subscribe(ignore));
  const line = await gateway.line(1);
  await line.next("subscribe");
  line.sendRaw("{nonsense");
  assert.equal((await (await gateway.line(2)).next("subscribe")).cursor, "c1");
});

test("ignores frames of a newer server", async (t) => {
  const { client, gateway } = await meet(t);
  const query = client.query(TALLY, ARGS);
  t.after(query.subscribe(ignore));
  const line = await gateway.line(1);
  const { id } = await line.next("subscribe");
  line.send({ op: "weather", id, text: "sunny" });
  line.send({ op: "result", id: 4711, position: 1, cursor: null, result: "of nobody" });
  line.send({ op: "result", id, position: 1, cursor: null, result: 1 });
  await becomes(query, ({ result }) => result === 1);
  assert.equal(gateway.lines.length, 1);
});

test("shows a refusal, and asks again later when it is a passing one", async (t) => {
  const { client, gateway } = await meet(t);
  const query = client.query(TALLY, ARGS);
  t.after(query.subscribe(ignore));
  const line = await gateway.line(1);
  const { id } = await line.next("subscribe");
  line.send({
    op: "error",
    id,
    problem: { code: "unavailable", kind: "unavailable", status: 503, retry_after: 0.03 },
  });
  const { problem } = await becomes(query, ({ status }) => status === "refused");
  assert.equal(problem.code, "unavailable");
  const again = await line.next("subscribe");
  line.send({ op: "result", id: again.id, position: 1, cursor: "c", result: 1 });
  assert.equal((await becomes(query, ({ status }) => status === "live")).problem, null);
});

test("does not ask again what was refused for good", async (t) => {
  const { client, gateway } = await meet(t);
  const secret = client.query("x.secret", {});
  const busy = client.query("x.busy", {});
  t.after(secret.subscribe(ignore));
  t.after(busy.subscribe(ignore));
  const line = await gateway.line(1);
  const first = await line.next("subscribe");
  const second = await line.next("subscribe");
  line.send({ op: "error", id: first.id, problem: { code: "forbidden", kind: "forbidden", status: 403 } });
  line.send({ op: "error", id: second.id, problem: { code: "unavailable", kind: "unavailable" } });
  assert.equal((await line.next("subscribe")).query, "x.busy");
  assert.equal(secret.getSnapshot().status, "refused");
  assert.equal(line.frames.length, 3);
});

test("says who we are before it asks personal questions", async (t) => {
  const { client, gateway } = await meet(t, { storage: signedIn() });
  const query = client.query("voting.get-my-vote", ARGS, { personal: true });
  t.after(query.subscribe(ignore));
  const line = await gateway.line(1);
  assert.deepEqual(await line.next("auth"), { op: "auth", token: "t1" });
  assert.equal(line.frames.length, 1, "no question before the server knows us");
  line.send({ op: "ready", session: { user_id: "u1", roles: ["member"] } });
  assert.equal((await line.next("subscribe")).query, "voting.get-my-vote");
  assert.deepEqual(client.live.getSnapshot().caller, { user_id: "u1", roles: ["member"] });
});

test("signs out when the server does not accept the token, and goes on as nobody", async (t) => {
  const { client, gateway } = await meet(t, { storage: signedIn() });
  const query = client.query(TALLY, ARGS);
  t.after(query.subscribe(ignore));
  const line = await gateway.line(1);
  const { id } = await line.next("subscribe");
  line.send({
    op: "error",
    id: null,
    problem: { code: "unauthenticated", kind: "unauthenticated", status: 401 },
  });
  assert.deepEqual(await line.next("auth"), { op: "auth", token: null });
  assert.equal(client.session.getSnapshot(), null);
  line.send({ op: "ready", session: null });
  line.send({ op: "result", id, position: 1, cursor: "c1", result: 1 });
  await becomes(query, ({ status }) => status === "live");
});

test("comes back as nobody when the token has expired", async (t) => {
  const { client, gateway } = await meet(t, { storage: signedIn() });
  t.after(client.query(TALLY, ARGS).subscribe(ignore));
  const line = await gateway.line(1);
  await line.next("subscribe");
  line.close(4401, "token-expired");
  const second = await gateway.line(2);
  await second.next("subscribe");
  assert.equal(second.frames.length, 1);
  assert.equal(client.session.getSnapshot(), null);
});

test("forgets personal results and asks anew when another user signs in", async (t) => {
  const { client, gateway } = await meet(t, { storage: signedIn() });
  const mine = client.query("voting.get-my-vote", ARGS, {
    personal: true,
    initial: { result: { votes: [] } },
  });
  t.after(mine.subscribe(ignore));
  const line = await gateway.line(1);
  line.send({ op: "ready", session: { user_id: "u1", roles: [] } });
  const { id } = await line.next("subscribe");
  line.send({ op: "result", id, position: 1, cursor: "of-u1", result: { votes: ["a"] } });
  await becomes(mine, ({ status }) => status === "live");

  client.session.signIn({ user_id: "u2", token: "t2" });
  assert.deepEqual(mine.getSnapshot().result, { votes: [] });
  assert.equal((await line.next("unsubscribe")).id, id);
  assert.equal((await line.next("auth")).token, "t2");
  line.send({ op: "ready", session: { user_id: "u2", roles: [] } });
  assert.equal((await line.next("subscribe")).cursor, null);
});

test("asks whether anyone is there after a silence, and begins again when nobody is", async (t) => {
  const { client, gateway } = await meet(t, { silenceMs: 30, patienceMs: 100 });
  t.after(client.query(TALLY, ARGS).subscribe(ignore));
  const line = await gateway.line(1);
  await line.next("ping");
  line.send({ op: "pong" });
  await line.next("ping");
  assert.equal(gateway.lines.length, 1);
  await (await gateway.line(2)).next("subscribe");
});

test("tells listeners nothing when nothing changed, and keeps the snapshot", async (t) => {
  const { client, gateway } = await meet(t);
  const query = client.query(TALLY, ARGS);
  let calls = 0;
  t.after(query.subscribe(() => void calls++));
  const line = await gateway.line(1);
  const { id } = await line.next("subscribe");
  line.send({ op: "result", id, position: 1, cursor: "c1", result: { total: 1 } });
  const snapshot = await becomes(query, ({ position }) => position === 1);
  const before = calls;
  line.send({ op: "change", id, position: 1, cursor: "c1b", patch: [] });
  line.send({ op: "error", id: null, problem: { code: "the-last-frame" } });
  await becomes(client.live, ({ problem }) => problem?.code === "the-last-frame");
  assert.equal(query.cursor, "c1b");
  assert.equal(query.getSnapshot(), snapshot);
  assert.equal(calls, before);
});
