/**
 * Whether someone is still at the other end of a connection. A network that goes away says nothing, so
 * silence is broken with a ping, and a ping that nobody answers is the end.
 *
 * @module
 */
export type PulseOptions = {
    /**
     * sends a ping
     */
    ask: () => void;
    onDead: () => void;
    /**
     * how long silence is nothing unusual
     */
    silenceMs?: number;
    /**
     * how long an answer may take
     */
    patienceMs?: number;
};
/**
 * @typedef {object} PulseOptions
 * @property {() => void} ask sends a ping
 * @property {() => void} onDead
 * @property {number} [silenceMs] how long silence is nothing unusual
 * @property {number} [patienceMs] how long an answer may take
 */
export declare class Pulse {
    #private;
    /** @param {PulseOptions} options */
    constructor({ ask, onDead, silenceMs, patienceMs }: PulseOptions);
    start(): void;
    /** Anything at all was received. */
    heard(): void;
    /** Find out now. */
    probe(): void;
    stop(): void;
}
