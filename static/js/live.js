// One websocket keeps the page live. It watches every [data-live] element that stands on the page, and hands what comes back
// to the element; charts and lists listen by events. See app/signalbox/web/live/viewer.py for the messages.
import { setServerNow } from "./ages.js";
import { connect } from "./connection.js";
import { morph, parse } from "./morph.js";

const WATCHED_MAX = 200;
const ENDS = {
  4401: ["You are signed out, or what you may see has changed.", "Sign in again"],
  4403: ["Part of this page may not be seen any more.", "Load it again"],
};
const page = document.documentElement;
let connection = null;

function watched() {
  const wanted = new Map();
  for (const { dataset } of document.querySelectorAll("[data-live]")) {
    if (wanted.size === WATCHED_MAX) break;
    const { live, fragment } = dataset;
    wanted.set(`${fragment} ${live}`, [live, fragment, dataset.version ?? ""]);
  }
  return [...wanted.values()];
}

function show([key, fragment, version, html, more]) {
  for (const element of document.querySelectorAll(`[data-live="${CSS.escape(key)}"][data-fragment="${CSS.escape(fragment)}"]`)) {
    if (fragment === "points") {
      if (html !== "") element.dispatchEvent(new CustomEvent("signalbox:points", { detail: { after: html, points: more } }));
    } else if (fragment === "changed") {
      element.hidden = false;
    } else if (html === null) {
      element.classList.add("is-stale");
      element.title = `${more ?? "It is gone at the broker."} What you see was so before.`;
    } else if (html === "") {
      element.classList.add("is-stale");
      element.title = `This part could not be drawn. Fault ${more} is in the log.`;
    } else {
      morph(element, parse(html));
    }
    element.dataset.version = fragment === "points" ? element.dataset.version : version;
  }
}

function receive(message) {
  setServerNow(message.now);
  if (message.build && message.build !== page.dataset.build) document.getElementById("new-build").hidden = false;
  if (!message.drawn?.length) return;
  message.drawn.forEach(show);
  document.dispatchEvent(new CustomEvent("signalbox:swapped"));
}

function rewatch() {
  connection?.send({ watch: watched() });
}

function tell(state) {
  const sign = document.getElementById("live");
  const notice = document.getElementById("not-live");
  const link = notice.querySelector("a");
  const [words, way] = ENDS[state.ended] ?? [];
  if (!words && !document.querySelector("[data-live]")) return; // nothing on this page stands still
  notice.hidden = state.live;
  sign.textContent = state.live ? "live" : "not live";
  if (state.live) delete sign.dataset.tone;
  else sign.dataset.tone = "danger";
  notice.querySelector("p").textContent = words
    ?? `Not live since ${state.since}. Numbers stand still until the connection is back; ${state.next}.`;
  link.hidden = !words;
  link.textContent = way ?? "";
}

// A page with nothing live on it is connected all the same: it is told when its sign-in ends.
export function goLive() {
  if (!document.querySelector("[data-live]")) document.getElementById("live").textContent = "shown once";
  connection = connect({ receive, tell, greeted: rewatch });
  document.addEventListener("htmx:after:swap", rewatch);
}
