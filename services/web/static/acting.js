// @ts-check
/**
 * Acting as somebody else: said at the top of every page, and stopped from any.
 *
 * The cookie is still that of the administrator, so whoever renews the session is themselves again: who
 * stops, and who lets the time pass.
 *
 * @module
 */
import { newKey, Problem } from "../client/index.js";
import { setAttribute, setText } from "./bind.js";
/** @import { Client } from "../client/index.js" */

/** Say as whom somebody acts, if they do. @param {Client} client */
export function showActing(client) {
  const banner = document.getElementById("acting");
  const whom = document.getElementById("acting-as");
  const said = document.getElementById("acting-said");
  const stop = document.getElementById("acting-stop");
  if (banner === null || whom === null || said === null || stop === null) return;
  let isStopping = false;
  const draw = () => {
    const who = client.session.getSnapshot();
    const isActing = Boolean(who?.impersonated_by);
    setAttribute(banner, "hidden", !isActing);
    setText(whom, who?.display_name || who?.user_id || "");
    if (isStopping && !isActing) location.assign("/admin/users");
  };
  stop.addEventListener("click", async () => {
    const acting = client.session.getSnapshot();
    if (acting === null) return;
    isStopping = true;
    setText(said, "");
    try {
      await client.command("auth.end-impersonation", { session_id: acting.session_id }, { key: newKey() });
      client.session.drop(acting.token);
    } catch (error) {
      const problem = Problem.from(error);
      if (problem.isUnauthenticated) return; // It was over already, and is being renewed.
      isStopping = false;
      setText(said, problem.title);
    }
  });
  client.session.subscribe(draw);
  draw();
}
