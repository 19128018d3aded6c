// @ts-check
/** A gateway for the tests: speaks the protocol on a real port, and says what the test tells it to. */
import { createServer } from "node:http";

import { acceptWebSockets } from "./websocket-server.js";

const PATIENCE_MS = 5_000;

export class Gateway {
  /** Connections, the newest last. @type {Line[]} */
  lines = [];
  /** HTTP requests answered. @type {{method: string, path: string, headers: import("node:http").IncomingHttpHeaders, body: any}[]} */
  requests = [];
  /**
   * How HTTP is answered; a test replaces it.
   *
   * @type {(request: Gateway["requests"][number]) => {status?: number, headers?: Record<string, string>, body?: any, hang?: boolean}}
   */
  answer = ({ path }) =>
    path === "/v1/auth/start-guest-session"
      ? { body: { user_id: `guest-${this.requests.length}`, token: `token-${this.requests.length}` } }
      : { status: 404, body: { code: "not-found", kind: "not-found" } };

  #server = createServer((request, response) => this.#onRequest(request, response));
  #watchers = new Set();

  /** @param {import("node:test").TestContext} test closes the gateway with the test */
  static async start(test, port = 0) {
    const gateway = new Gateway();
    await gateway.#listen(port);
    test.after(() => gateway.stop());
    return gateway;
  }

  get port() {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return address.port;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop() {
    for (const line of this.lines) line.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The n-th connection, as soon as it is there. @param {number} number from 1 */
  async line(number) {
    await this.until(() => this.lines.length >= number, `connection ${number}`);
    return this.lines[number - 1];
  }

  /** @param {() => boolean} isSo @param {string} what */
  until(isSo, what) {
    return until(isSo, what, (check) => {
      this.#watchers.add(check);
      return () => this.#watchers.delete(check);
    });
  }

  #changed() {
    for (const check of [...this.#watchers]) check();
  }

  /** @param {number} port */
  #listen(port) {
    acceptWebSockets(this.#server, (peer) => {
      this.lines.push(new Line(peer, () => this.#changed()));
      this.#changed();
    });
    return new Promise((resolve) => this.#server.listen(port, "127.0.0.1", () => resolve(undefined)));
  }

  /** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
  async #onRequest(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const seen = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body: text === "" ? null : JSON.parse(text),
    };
    this.requests.push(seen);
    this.#changed();
    const { status = 200, headers = {}, body = {}, hang = false } = this.answer(seen);
    if (hang) return;
    const type = status < 400 ? "application/json" : "application/problem+json";
    response.writeHead(status, { "content-type": type, ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  }
}

/** One client's connection, as the server sees it. */
export class Line {
  /** @type {any[]} */
  frames = [];
  isOpen = true;
  #peer;
  #changed;
  #read = 0;

  /** @param {import("./websocket-server.js").Peer} peer @param {() => void} changed */
  constructor(peer, changed) {
    this.#peer = peer;
    this.#changed = changed;
    this.watchers = new Set();
    peer.on("text", (text) => this.#tell(() => this.frames.push(JSON.parse(text))));
    peer.on("close", () => this.#tell(() => (this.isOpen = false)));
  }

  /** The next frame with this op that no call has returned yet. @param {string} op */
  async next(op) {
    let at = -1;
    await this.until(
      () => (at = this.frames.findIndex((frame, index) => index >= this.#read && frame.op === op)) >= 0,
      op,
    );
    this.#read = at + 1;
    return this.frames[at];
  }

  /** @param {() => boolean} isSo @param {string} what */
  until(isSo, what) {
    return until(isSo, what, (check) => {
      this.watchers.add(check);
      return () => this.watchers.delete(check);
    });
  }

  /** @param {object} frame */
  send(frame) {
    this.#peer.send(JSON.stringify(frame));
  }

  /** @param {string} text */
  sendRaw(text) {
    this.#peer.send(text);
  }

  /** @param {number} code @param {string} [reason] */
  close(code, reason) {
    this.#peer.close(code, reason);
  }

  cut() {
    this.#peer.destroy();
  }

  /** @param {() => void} change */
  #tell(change) {
    change();
    for (const check of [...this.watchers]) check();
    this.#changed();
  }
}

/**
 * Wait until something is so, asking again whenever it may have become so.
 *
 * @param {() => boolean} isSo
 * @param {string} what for the message when it never becomes so
 * @param {(check: () => void) => () => void} watch
 * @returns {Promise<void>}
 */
export function until(isSo, what, watch) {
  return new Promise((resolve, reject) => {
    const check = () => {
      if (!isSo()) return;
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(() => {
      stop();
      reject(new Error(`Waited in vain for: ${what}`));
    }, PATIENCE_MS);
    const stop = watch(check);
    check();
  });
}

/** Wait for a state of a store. @param {import("../src/store.js").Readable<any>} store @param {(value: any) => boolean} isSo */
export async function becomes(store, isSo) {
  const test = () => isSo(store.getSnapshot());
  await until(test, test.toString() + isSo.toString(), store.subscribe);
  return store.getSnapshot();
}
