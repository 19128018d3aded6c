// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { applyPatch } from "../src/patch.js";
import { Problem } from "../src/problem.js";

/** The examples of RFC 6902, appendix A, and the corners around them. */
const APPLIES = [
  ["adds a member", { foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { baz: "qux", foo: "bar" }],
  [
    "adds into a list",
    { foo: ["a", "c"] },
    [{ op: "add", path: "/foo/1", value: "b" }],
    { foo: ["a", "b", "c"] },
  ],
  ["adds at the end of a list", [1], [{ op: "add", path: "/-", value: [2] }], [1, [2]]],
  ["adds at the length of a list", [1], [{ op: "add", path: "/1", value: 2 }], [1, 2]],
  ["removes a member", { baz: 1, foo: 2 }, [{ op: "remove", path: "/baz" }], { foo: 2 }],
  ["removes from a list", ["a", "b", "c"], [{ op: "remove", path: "/1" }], ["a", "c"]],
  [
    "replaces a value",
    { baz: 1, foo: 2 },
    [{ op: "replace", path: "/baz", value: null }],
    { baz: null, foo: 2 },
  ],
  ["replaces everything", { baz: 1 }, [{ op: "replace", path: "", value: [1] }], [1]],
  [
    "moves a value",
    { a: { b: 1, c: 2 }, d: {} },
    [{ op: "move", from: "/a/b", path: "/d/e" }],
    { a: { c: 2 }, d: { e: 1 } },
  ],
  [
    "moves in a list",
    ["all", "grass", "cows", "eat"],
    [{ op: "move", from: "/1", path: "/3" }],
    ["all", "cows", "eat", "grass"],
  ],
  ["copies a value", { a: { b: 1 } }, [{ op: "copy", from: "/a", path: "/c" }], { a: { b: 1 }, c: { b: 1 } }],
  [
    "passes a test",
    { a: ["x", { b: 2 }] },
    [{ op: "test", path: "/a/1", value: { b: 2 } }],
    { a: ["x", { b: 2 }] },
  ],
  ["ignores unknown members", { a: 1 }, [{ op: "add", path: "/b", value: 2, xyz: 123 }], { a: 1, b: 2 }],
  ["unescapes a path", { "/": 9, "~1": 10 }, [{ op: "remove", path: "/~1" }], { "~1": 10 }],
  ["unescapes a tilde", { "/": 9, "~1": 10 }, [{ op: "remove", path: "/~01" }], { "/": 9 }],
  ["takes an empty key", { "": 1 }, [{ op: "replace", path: "/", value: 2 }], { "": 2 }],
];

for (const [what, document, patch, expected] of APPLIES) {
  test(`${what} and leaves the document as it was`, () => {
    const before = structuredClone(document);
    assert.deepEqual(applyPatch(document, /** @type {any} */ (patch)), expected);
    assert.deepEqual(document, before);
  });
}

/** @type {[string, any, any][]} */
const REFUSED = [
  ["a target without a parent", { foo: "bar" }, [{ op: "add", path: "/baz/bat", value: "qux" }]],
  ["a missing member", { foo: 1 }, [{ op: "remove", path: "/bar" }]],
  ["a replacement of nothing", {}, [{ op: "replace", path: "/bar", value: 1 }]],
  ["a place beyond the list", [1], [{ op: "add", path: "/3", value: 1 }]],
  ["a removal beyond the list", [1], [{ op: "remove", path: "/1" }]],
  ["an index with a leading zero", [1, 2], [{ op: "replace", path: "/01", value: 1 }]],
  ["an index that is a word", [1], [{ op: "add", path: "/one", value: 1 }]],
  ["a failed test", { a: 1 }, [{ op: "test", path: "/a", value: "1" }]],
  ["a test of equal text in other lists", { a: [1] }, [{ op: "test", path: "/a", value: [1, 2] }]],
  ["a move into itself", { a: { b: 1 } }, [{ op: "move", from: "/a", path: "/a/b" }]],
  ["an unknown operation", {}, [{ op: "spin", path: "/a", value: 1 }]],
  ["an operation without a value", {}, [{ op: "add", path: "/a" }]],
  ["a path without a slash", {}, [{ op: "add", path: "a", value: 1 }]],
  ["an inherited member", {}, [{ op: "replace", path: "/toString", value: 1 }]],
  ["something that is no list", {}, { op: "add" }],
];

for (const [what, document, patch] of REFUSED) {
  test(`refuses ${what}, whole`, () => {
    const before = structuredClone(document);
    const all = Array.isArray(patch) ? [{ op: "test", path: "", value: document }, ...patch] : patch;
    assert.throws(
      () => applyPatch(document, all),
      (error) => error instanceof Problem && error.code === "client.unreadable",
    );
    assert.deepEqual(document, before);
  });
}

test("keeps what it does not touch as the same object", () => {
  const document = { touched: { a: 1 }, other: { b: 2 } };
  const patched = applyPatch(document, [{ op: "replace", path: "/touched/a", value: 2 }]);
  assert.notEqual(patched, document);
  assert.equal(patched.other, document.other);
});

test("keeps two copies apart when one changes later in the same patch", () => {
  const patched = applyPatch({ a: { n: 1 } }, [
    { op: "replace", path: "/a/n", value: 2 },
    { op: "copy", from: "/a", path: "/b" },
    { op: "replace", path: "/b/n", value: 3 },
  ]);
  assert.deepEqual(patched, { a: { n: 2 }, b: { n: 3 } });
});

test("does not change a value of the patch itself", () => {
  const value = { n: 1 };
  applyPatch({}, [
    { op: "add", path: "/a", value },
    { op: "replace", path: "/a/n", value: 2 },
  ]);
  assert.deepEqual(value, { n: 1 });
});

test("treats __proto__ as any other key", () => {
  const patched = applyPatch({}, [{ op: "add", path: "/__proto__", value: { polluted: true } }]);
  assert.equal(Object.getPrototypeOf(patched), Object.prototype);
  assert.deepEqual(Object.keys(patched), ["__proto__"]);
  assert.equal(/** @type {any} */ ({}).polluted, undefined);
  assert.throws(() => applyPatch({}, [{ op: "add", path: "/__proto__/polluted", value: true }]), Problem);
});

test("applies many operations to one big object in time that grows with the operations alone", () => {
  const counts = Object.fromEntries(Array.from({ length: 20_000 }, (_, song) => [`song${song}`, 0]));
  const patch = Object.keys(counts).map((song) => ({ op: "replace", path: `/counts/${song}`, value: 1 }));
  const started = performance.now();
  const patched = applyPatch({ counts }, patch);
  assert.equal(patched.counts.song19999, 1);
  // A copy of the object for each operation would be 400 million steps.
  assert.ok(performance.now() - started < 2_000);
});
