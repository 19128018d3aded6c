export type Json = null | boolean | number | string | Json[] | {
    [key: string]: Json;
};
export type Operation = {
    op: string;
    path: string;
    from?: string;
    value?: any;
};
export type Container = Json[] | {
    [key: string]: Json;
};
/**
 * @typedef {null | boolean | number | string | Json[] | {[key: string]: Json}} Json
 * @typedef {{op: string, path: string, from?: string, value?: any}} Operation
 * @typedef {Json[] | {[key: string]: Json}} Container
 */
/**
 * Apply all operations, or none: the given document is left as it is.
 *
 * @param {any} document
 * @param {readonly Operation[]} patch
 * @returns {any} the new document
 * @throws {import("./problem.js").Problem} `client.unreadable` when the patch does not fit the document
 */
export declare function applyPatch(document: any, patch: readonly Operation[]): any;
