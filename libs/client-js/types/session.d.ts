import type { Readable } from "./store.js";
export type Credentials = {
    user_id: string;
    token: string;
    /**
     * of somebody who signed in; a guest has none
     */
    session_id?: string;
    /**
     * when the token ends
     */
    expires_at?: string;
    display_name?: string | null;
    roles?: string[];
    /**
     * which a sign-in gives, and dangerous steps ask for
     */
    confirmation?: string;
    /**
     * the administrator who acts as this user
     */
    impersonated_by?: string | null;
};
export type TokenStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;
/** @implements {Readable<Credentials | null>} */
export declare class Session implements Readable<Credentials | null> {
    #private;
    /**
     * @param {object} options
     * @param {TokenStorage | null} options.storage null keeps the session in memory alone
     * @param {() => Promise<Credentials>} options.startGuest asks the server for a guest session
     * @param {(() => Promise<Credentials | null>) | null} [options.renew] asks for the next token of a session;
     *   null says that the session is over
     */
    constructor({ storage, startGuest, renew }: {
        storage: TokenStorage | null;
        startGuest: () => Promise<Credentials>;
        renew?: (() => Promise<Credentials | null>) | null;
    });
    /** @param {() => void} listener */
    subscribe: (listener: () => void) => () => void;
    getSnapshot: () => Credentials | null;
    /**
     * The session there is, or else a new guest's. Calls at the same moment, in any tab, make one guest.
     *
     * @returns {Promise<Credentials>}
     */
    signInAsGuest(): Promise<Credentials>;
    /** @param {Credentials} credentials from any way in */
    signIn(credentials: Credentials): void;
    signOut(): void;
    /** The server does not accept this token any more. @param {string | null} token */
    drop(token: string | null): void;
    /** Stop listening to the other tabs. */
    close(): void;
}
