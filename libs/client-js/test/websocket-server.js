// @ts-check
/**
 * A real WebSocket server (RFC 6455) in as few lines as the tests need: text frames in one piece, close
 * frames both ways, masks from the client checked.
 */
import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";

const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const TEXT = 1;
const CLOSE = 8;

/** One connection. Emits `text` and, once, `close`. */
export class Peer extends EventEmitter {
  #socket;
  #bytes = Buffer.alloc(0);

  /** @param {import("node:stream").Duplex} socket */
  constructor(socket) {
    super();
    this.#socket = socket;
    socket.on("data", (/** @type {Buffer} */ data) => {
      this.#bytes = Buffer.concat([this.#bytes, data]);
      while (this.#readFrame());
    });
    socket.on("error", () => {});
    socket.once("close", () => this.emit("close"));
  }

  /** @param {string} text */
  send(text) {
    this.#write(TEXT, Buffer.from(text));
  }

  /** @param {number} code @param {string} [reason] */
  close(code, reason = "") {
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
    payload.writeUInt16BE(code);
    payload.write(reason, 2);
    this.#write(CLOSE, payload);
    this.#socket.end();
  }

  /** Cut the line, without a word. */
  destroy() {
    this.#socket.destroy();
  }

  /** @param {number} opcode @param {Buffer} payload */
  #write(opcode, payload) {
    const { length } = payload;
    const head =
      length < 126
        ? Buffer.from([0x80 | opcode, length])
        : Buffer.from([0x80 | opcode, 126, length >> 8, length & 255]);
    if (length > 0xffff) throw new Error("This server sends short frames only.");
    if (this.#socket.writable) this.#socket.write(Buffer.concat([head, payload]));
  }

  #readFrame() {
    const bytes = this.#bytes;
    if (bytes.length < 6) return false;
    const isLong = (bytes[1] & 127) === 126;
    const length = isLong ? bytes.readUInt16BE(2) : bytes[1] & 127;
    const start = (isLong ? 4 : 2) + 4;
    if (length === 127 || !(bytes[1] & 0x80) || !(bytes[0] & 0x80)) return (this.close(1002), false);
    if (bytes.length < start + length) return false;
    const mask = bytes.subarray(start - 4, start);
    const payload = Buffer.from(bytes.subarray(start, start + length).map((byte, at) => byte ^ mask[at % 4]));
    this.#bytes = bytes.subarray(start + length);
    const opcode = bytes[0] & 15;
    if (opcode === TEXT) this.emit("text", payload.toString());
    if (opcode === CLOSE) {
      this.#write(CLOSE, payload);
      this.#socket.end();
    }
    return true;
  }
}

/**
 * @param {import("node:http").Server} server
 * @param {(peer: Peer, request: import("node:http").IncomingMessage) => void} onPeer
 */
export function acceptWebSockets(server, onPeer) {
  server.on("upgrade", (request, socket) => {
    const key = request.headers["sec-websocket-key"];
    const accept = createHash("sha1").update(`${key}${MAGIC}`).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    onPeer(new Peer(socket), request);
  });
}
