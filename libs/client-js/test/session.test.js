// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { Session } from "../src/session.js";
import { Store } from "../src/store.js";

/** @param {Record<string, string>} [items] */
function memory(items = {}) {
  const map = new Map(Object.entries(items));
  return {
    getItem: (/** @type {string} */ key) => map.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void map.set(key, value),
    removeItem: (/** @type {string} */ key) => void map.delete(key),
  };
}

const startGuest = async () => ({ user_id: "g1", token: "t1" });

test("keeps a guest over a reload", async () => {
  const storage = memory();
  const first = new Session({ storage, startGuest });
  assert.equal(first.getSnapshot(), null);
  await first.signInAsGuest();
  const second = new Session({ storage, startGuest: () => assert.fail("there is a session") });
  assert.deepEqual(await second.signInAsGuest(), { user_id: "g1", token: "t1" });
});

test("takes the session another tab made meanwhile instead of a second guest", async () => {
  const storage = memory();
  const here = new Session({ storage, startGuest: () => assert.fail("the other tab was first") });
  const there = new Session({ storage, startGuest });
  await there.signInAsGuest();
  assert.equal((await here.signInAsGuest()).token, "t1");
  assert.equal(here.getSnapshot()?.user_id, "g1");
});

test("lasts in memory when the storage is closed to us", async () => {
  const refuse = () => {
    throw new DOMException("denied", "SecurityError");
  };
  const session = new Session({
    storage: { getItem: refuse, setItem: refuse, removeItem: refuse },
    startGuest,
  });
  await session.signInAsGuest();
  assert.equal(session.getSnapshot()?.token, "t1");
  session.signOut();
  assert.equal(session.getSnapshot(), null);
});

for (const text of ["", "nonsense", "[]", '{"user_id":1}', "null"]) {
  test(`is nobody when the storage holds ${text || "nothing"}`, () => {
    const session = new Session({ storage: memory({ "backline.session": text }), startGuest });
    assert.equal(session.getSnapshot(), null);
  });
}

test("drops only the token that was refused", async () => {
  const session = new Session({ storage: memory(), startGuest });
  await session.signInAsGuest();
  session.drop("an older one");
  assert.equal(session.getSnapshot()?.token, "t1");
  session.drop("t1");
  assert.equal(session.getSnapshot(), null);
});

test("tries anew after a failed start", async () => {
  let calls = 0;
  const session = new Session({
    storage: null,
    startGuest: () => (calls++ === 0 ? Promise.reject(new Error("down")) : startGuest()),
  });
  await assert.rejects(session.signInAsGuest(), /down/);
  assert.equal((await session.signInAsGuest()).user_id, "g1");
});

test("a store tells its listeners of changes only, also those who leave while it tells", () => {
  const store = new Store(1);
  /** @type {string[]} */
  const heard = [];
  const stop = store.subscribe(() => {
    heard.push("first");
    stop();
  });
  store.subscribe(() => heard.push("second"));
  store.set(1);
  store.set(2);
  store.set(3);
  assert.deepEqual(heard, ["first", "second", "second"]);
});

/** @param {Partial<import("../src/session.js").Credentials>} [more] */
function signedIn(more = {}) {
  const expires_at = new Date(Date.now() + 3_600_000).toISOString();
  return { user_id: "u1", token: "t1", session_id: "s1", expires_at, ...more };
}

test("renews what was refused, and tells it to the other tabs by the storage", async () => {
  const storage = memory();
  const session = new Session({ storage, startGuest, renew: async () => signedIn({ token: "t2" }) });
  session.signIn(signedIn());
  session.drop("t1");
  await new Promise((done) => setTimeout(done, 10));
  assert.equal(session.getSnapshot()?.token, "t2");
  assert.match(storage.getItem("backline.session") ?? "", /"t2"/);
  session.close();
});

test("renews a token that is about to end", async () => {
  const soon = new Date(Date.now() + 1_000).toISOString();
  const storage = memory({ "backline.session": JSON.stringify(signedIn({ expires_at: soon })) });
  const session = new Session({ storage, startGuest, renew: async () => signedIn({ token: "t2" }) });
  await new Promise((done) => setTimeout(done, 20));
  assert.equal(session.getSnapshot()?.token, "t2");
  session.close();
});

test("is nobody once the session is over, and goes on when nobody answers", async () => {
  const session = new Session({ storage: memory(), startGuest, renew: async () => null });
  session.signIn(signedIn());
  session.drop("t1");
  await new Promise((done) => setTimeout(done, 10));
  assert.equal(session.getSnapshot(), null);
  session.close();

  const away = new Session({ storage: memory(), startGuest, renew: () => Promise.reject(new Error("away")) });
  away.signIn(signedIn());
  away.drop("t1");
  await new Promise((done) => setTimeout(done, 10));
  assert.equal(away.getSnapshot()?.token, "t1");
  away.close();
});

test("takes the token another tab has renewed instead of a second one", async () => {
  const storage = memory();
  const session = new Session({ storage, startGuest, renew: () => assert.fail("the other tab was first") });
  session.signIn(signedIn());
  storage.setItem("backline.session", JSON.stringify(signedIn({ token: "t2" })));
  session.drop("t1");
  await new Promise((done) => setTimeout(done, 10));
  assert.equal(session.getSnapshot()?.token, "t2");
  session.close();
});
