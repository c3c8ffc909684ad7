// Keeps the page live over one websocket: watches every [data-live] element and updates it; charts and lists listen to events.
// app/signalbox/web/live/page.py documents the messages.
import { setServerNow } from "./ages.js";
import { connect } from "./livesocket.js";
import { morph, parse } from "./morph.js";

const WATCHED_MAX = 200;
const ENDS = { 4401: "Sign in", 4403: "Reload" };
const page = document.documentElement;
let socket = null;

function watched() {
  const watches = new Map();
  for (const { dataset } of document.querySelectorAll("[data-live]")) {
    if (watches.size === WATCHED_MAX) break;
    const { live, fragment } = dataset;
    watches.set(`${fragment} ${live}`, [live, fragment, dataset.version ?? ""]);
  }
  return [...watches.values()];
}

function show([key, fragment, version, html, more]) {
  for (const element of document.querySelectorAll(`[data-live="${CSS.escape(key)}"][data-fragment="${CSS.escape(fragment)}"]`)) {
    if (fragment === "points") {
      if (html !== "") element.dispatchEvent(new CustomEvent("signalbox:points", { detail: { after: html, points: more } }));
    } else if (fragment === "changed") {
      element.hidden = false;
    } else if (html === null) {
      element.classList.add("is-stale");
      element.title = `${more ?? "The broker deleted it."} This is the last known state.`;
    } else if (html === "") {
      element.classList.add("is-stale");
      element.title = `This section failed to load. Error ${more} is in the log.`;
    } else {
      morph(element, parse(html));
    }
    element.dataset.version = fragment === "points" ? element.dataset.version : version;
  }
}

function receive(message) {
  setServerNow(message.now);
  if (message.build && message.build !== page.dataset.build) document.getElementById("new-build").hidden = false;
  if (!message.fragments?.length) return;
  message.fragments.forEach(show);
  document.dispatchEvent(new CustomEvent("signalbox:swapped"));
}

function rewatch() {
  socket?.send({ watch: watched() });
}

function showState(state) {
  const indicator = document.getElementById("live");
  const notice = document.getElementById("not-live");
  const link = notice.querySelector("a");
  const action = ENDS[state.ended];
  const text = action && state.reason;
  if (!text && !document.querySelector("[data-live]")) return; // nothing on this page is live
  notice.hidden = state.live;
  indicator.textContent = state.live ? "live" : "not live";
  if (state.live) delete indicator.dataset.tone;
  else indicator.dataset.tone = "danger";
  notice.querySelector("p").textContent = text
    ?? `Live updates stopped at ${state.since}. Figures do not change until the connection is back. ${state.retry}`;
  link.hidden = !text;
  link.textContent = action ?? "";
}

// A page without live elements connects too, to learn when its session ends.
export function goLive() {
  if (!document.querySelector("[data-live]")) {
    const title = "This page does not update by itself";
    Object.assign(document.getElementById("live"), { textContent: "not live", title });
  }
  socket = connect({ onMessage: receive, onState: showState, onGreeting: rewatch });
  document.addEventListener("htmx:after:swap", rewatch);
}
