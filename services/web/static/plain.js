// @ts-check
/**
 * A page that shows nothing live: who is here stands at its top all the same.
 *
 * @module
 */
import { connect, readState } from "./page-state.js";

connect(readState());
