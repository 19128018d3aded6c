// @ts-check
/**
 * The connection to `WS /v1/live`: one socket for every live query and for commands, opened when first
 * needed, opened again with jittered backoff when lost. Each live query resumes from its own cursor.
 * The protocol: docs/live-protocol.md.
 *
 * @module
 */
import { watchPage } from "./page.js";
import { aborted, closed, disconnected, Problem, timedOut } from "./problem.js";
import { Pulse } from "./pulse.js";
import { Store } from "./store.js";
import { Subscriptions } from "./subscriptions.js";
import { backoff } from "./waiting.js";
/** @import { Answer } from "./http.js" */
/** @import { Session } from "./session.js" */
/** @import { Readable } from "./store.js" */
/** @import { AnyQuery, Frame } from "./subscriptions.js" */
/** @import { BackoffLimits } from "./waiting.js" */

/**
 * `idle`: not needed yet. `connecting`: on the way. `live`: open. `waiting`: lost; `retryAt` says when we
 * try again. `stopped`: the server said not to come back.
 *
 * @typedef {"idle" | "connecting" | "live" | "waiting" | "stopped"} Phase
 *
 * @typedef {object} Caller
 * @property {string} user_id
 * @property {string[]} roles
 *
 * @typedef {object} ConnectionState
 * @property {Phase} phase
 * @property {number | null} retryAt Milliseconds since 1970; only while waiting.
 * @property {Caller | null} caller Who the server says we are.
 * @property {Problem | null} problem What the server last said about the connection itself.
 *
 * @typedef {object} LiveOptions
 * @property {string} url `ws://…/v1/live`
 * @property {Session} session
 * @property {typeof globalThis.WebSocket} WebSocket
 * @property {BackoffLimits} [backoff]
 * @property {number} [connectTimeoutMs]
 * @property {number} [silenceMs] How long silence is nothing unusual.
 * @property {number} [patienceMs] How long an answer to a ping may take.
 */

const CLOSED_BY_US = 1000;
const TOKEN_EXPIRED = 4401;
/** Broken frames: what this client sends is wrong, and would be wrong again. */
const MEND_THE_CLIENT = new Set([1002, 1007, 1009]);

/** @implements {Readable<ConnectionState>} */
export class LiveConnection {
  /** @type {LiveOptions} */
  #options;
  /** @type {Store<ConnectionState>} */
  #state = new Store(
    /** @type {ConnectionState} */ ({ phase: "idle", retryAt: null, caller: null, problem: null }),
  );
  /** @type {WebSocket | null} */
  #socket = null;
  /** Runs while connecting, and while waiting to. @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #attempt = 0;
  #lastId = 0;
  #isClosed = false;
  /** The token that this connection was told; undefined before it was told any. @type {string | null | undefined} */
  #toldToken;
  /** @type {string | null} */
  #userId;
  #subscriptions;
  #pulse;
  /** @type {Map<number, {resolve: (answer: Answer) => void, reject: (problem: Problem) => void}>} */
  #commands = new Map();
  #stopWatching;

  /** @param {LiveOptions} options */
  constructor(options) {
    const { session, silenceMs, patienceMs } = options;
    this.#options = options;
    this.#userId = session.getSnapshot()?.user_id ?? null;
    this.#subscriptions = new Subscriptions(
      {
        send: (frame) => this.#send(frame),
        nextId: () => ++this.#lastId,
        isOpen: () => this.getSnapshot().phase === "live",
        isSignedIn: () => this.getSnapshot().caller !== null,
      },
      options.backoff,
    );
    this.#pulse = new Pulse({
      ask: () => this.#send({ op: "ping" }),
      onDead: () => this.#socket !== null && this.#lose(this.#socket, null, "The connection fell silent."),
      ...(silenceMs && { silenceMs }),
      ...(patienceMs && { patienceMs }),
    });
    const stopSession = session.subscribe(() => this.#onSession());
    const stopPage = watchPage({ onReturn: () => this.#comeBack(), onLeave: () => this.#drop() });
    this.#stopWatching = () => (stopSession(), stopPage());
  }

  /** @param {() => void} listener */
  subscribe = (listener) => this.#state.subscribe(listener);

  getSnapshot = () => this.#state.getSnapshot();

  /** Whether a command sent now would go out at once, in the name of the session's user. */
  get canCommand() {
    const { phase, caller } = this.getSnapshot();
    const token = this.#options.session.getSnapshot()?.token ?? null;
    return phase === "live" && this.#toldToken === token && (token === null) === (caller === null);
  }

  /** Keep a query true. Called by the query itself. @param {AnyQuery} query */
  attach(query) {
    this.#subscriptions.attach(query);
    if (!this.#isClosed && this.getSnapshot().phase === "idle") this.#open();
  }

  /** @param {AnyQuery} query */
  detach(query) {
    this.#subscriptions.detach(query);
  }

  /**
   * Send a command once.
   *
   * @param {string} command
   * @param {Record<string, unknown>} args
   * @param {{key: string, timeoutMs: number, signal?: AbortSignal | undefined}} options
   * @returns {Promise<Answer>} rejected with the server's problem, or with a passing one of ours when
   *   nobody knows what became of the command (send it again with the same key)
   */
  command(command, args, { key, timeoutMs, signal }) {
    return new Promise((resolve, reject) => {
      if (!this.canCommand) return reject(disconnected());
      const id = ++this.#lastId;
      /** @param {() => void} act */
      const settle = (act) => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", giveUp);
        this.#commands.delete(id);
        act();
      };
      const giveUp = () => settle(() => reject(aborted()));
      const timer = setTimeout(() => settle(() => reject(timedOut())), timeoutMs);
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#commands.set(id, {
        resolve: (answer) => settle(() => resolve(answer)),
        reject: (problem) => settle(() => reject(problem)),
      });
      this.#send({ op: "command", id, command, args, key });
    });
  }

  /** Do not wait any longer; also after the server said not to come back. */
  retryNow() {
    if (this.#isClosed || this.#socket !== null) return;
    this.#attempt = 0;
    this.#open();
  }

  /** For good. */
  close() {
    this.#isClosed = true;
    this.#stopWatching();
    this.#drop(closed());
  }

  // ------------------------------------------------------------------------------ the socket

  #open() {
    clearTimeout(this.#timer);
    this.#set({ phase: "connecting", retryAt: null });
    const socket = new this.#options.WebSocket(this.#options.url);
    this.#socket = socket;
    this.#timer = setTimeout(
      () => this.#lose(socket, null, "The server did not answer in time."),
      this.#options.connectTimeoutMs ?? 10_000,
    );
    socket.addEventListener("open", () => socket === this.#socket && this.#onOpen());
    socket.addEventListener("message", ({ data }) => socket === this.#socket && this.#onMessage(data));
    socket.addEventListener("close", ({ code, reason }) => this.#lose(socket, code, reason));
    socket.addEventListener("error", () => this.#lose(socket, null, ""));
  }

  #onOpen() {
    clearTimeout(this.#timer);
    this.#set({ phase: "live", problem: null });
    this.#introduce();
    this.#subscriptions.resume();
    this.#pulse.start();
  }

  /**
   * The connection is gone, or of no use: come back later, unless we were told not to.
   *
   * @param {WebSocket} socket
   * @param {number | null} code how the server closed it; null when we gave it up
   * @param {string} reason
   */
  #lose(socket, code, reason) {
    if (socket !== this.#socket) return;
    const token = this.#toldToken;
    this.#release(disconnected());
    const problem =
      reason === ""
        ? this.getSnapshot().problem
        : new Problem({ code: `close-${code ?? "here"}`, detail: reason });
    if (code !== null && isForGood(code)) {
      this.#set({ phase: "stopped", retryAt: null, problem });
      return;
    }
    const delay = backoff(this.#attempt++, this.#options.backoff);
    this.#set({ phase: "waiting", retryAt: Date.now() + delay, problem });
    this.#timer = setTimeout(() => this.#open(), delay);
    if (code === TOKEN_EXPIRED) this.#options.session.drop(token ?? null);
  }

  /** @param {Problem} [reason] */
  #drop(reason = disconnected()) {
    this.#release(reason);
    this.#set({ phase: "idle", retryAt: null });
  }

  /** Let go of the socket, and of all that was under way on it. @param {Problem} reason */
  #release(reason) {
    const socket = this.#socket;
    this.#socket = null;
    this.#toldToken = undefined;
    clearTimeout(this.#timer);
    this.#pulse.stop();
    socket?.close(CLOSED_BY_US);
    this.#set({ phase: "connecting", caller: null });
    this.#subscriptions.lose();
    for (const { reject } of [...this.#commands.values()]) reject(reason);
  }

  /** The page is shown again, or the network is back. */
  #comeBack() {
    if (this.#isClosed || this.#subscriptions.size === 0) return;
    const { phase } = this.getSnapshot();
    if (phase === "live") this.#pulse.probe();
    if (phase === "idle" || phase === "waiting") this.retryNow();
  }

  /** @param {Frame} frame */
  #send(frame) {
    this.#socket?.send(JSON.stringify(frame));
  }

  // ------------------------------------------------------------------------------ who we are

  /** Say who we are, if that is not what the server believes already. */
  #introduce() {
    const token = this.#options.session.getSnapshot()?.token ?? null;
    const believed = this.#toldToken ?? null;
    this.#toldToken = token;
    if (token !== believed) this.#send({ op: "auth", token });
  }

  #onSession() {
    const userId = this.#options.session.getSnapshot()?.user_id ?? null;
    const isSomeoneElse = this.#userId !== null && this.#userId !== userId;
    this.#userId = userId;
    if (isSomeoneElse) {
      this.#set({ caller: null });
      this.#subscriptions.forgetPersonal();
    }
    if (this.getSnapshot().phase === "live") this.#introduce();
  }

  // ------------------------------------------------------------------------------ what we hear

  /** @param {unknown} data */
  #onMessage(data) {
    const frame = parse(data);
    if (frame === null) {
      // Something was said and lost on us: a new connection resumes from what we do have.
      if (this.#socket !== null)
        this.#lose(this.#socket, null, "The server sent a frame that cannot be read.");
      return;
    }
    this.#attempt = 0;
    this.#pulse.heard();
    switch (frame.op) {
      case "result":
      case "resumed":
      case "change":
        return this.#subscriptions.onFrame(frame);
      case "reply":
        return this.#commands
          .get(frame.id)
          ?.resolve({ result: frame.result, position: frame.position ?? null });
      case "ready":
        this.#set({ caller: frame.session ?? null });
        return this.#subscriptions.resume();
      case "error":
        return this.#onError(frame.id ?? null, new Problem(frame.problem ?? {}));
      default:
      // `pong` has been heard; and a newer server may say more than we know of.
    }
  }

  /** @param {number | null} id @param {Problem} problem */
  #onError(id, problem) {
    if (id !== null) {
      this.#commands.get(id)?.reject(problem);
      this.#subscriptions.onError(id, problem);
      return;
    }
    this.#set({ problem });
    if (problem.isUnauthenticated) this.#options.session.drop(this.#toldToken ?? null);
  }

  /** @param {Partial<ConnectionState>} news */
  #set(news) {
    const before = this.#state.getSnapshot();
    const after = { ...before, ...news };
    const keys = /** @type {(keyof ConnectionState)[]} */ (Object.keys(after));
    if (keys.some((key) => before[key] !== after[key])) this.#state.set(after);
  }
}

/** @param {number} code */
function isForGood(code) {
  return (code >= 4500 && code <= 4999) || MEND_THE_CLIENT.has(code);
}

/** @param {unknown} data @returns {Frame | null} */
function parse(data) {
  if (typeof data !== "string") return null;
  try {
    const frame = JSON.parse(data);
    return typeof frame?.op === "string" ? frame : null;
  } catch {
    return null;
  }
}
