// Updates ages and the clock each second by the server's clock. Formats match app/signalbox/kernel/figures.py.
const NBSP = "\u00a0";
let offset = Number(document.documentElement.dataset.now) - Date.now() / 1000;

export function serverNow() {
  return Date.now() / 1000 + offset;
}

export function setServerNow(now) {
  offset = now - Date.now() / 1000;
}

function age(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const unit = units.find(([, size]) => seconds >= size);
  return unit ? `${Math.floor(seconds / unit[1])}${NBSP}${unit[0]}${NBSP}ago` : "now";
}

function showAge(element, now) {
  const seconds = now - Number(element.dataset.age);
  const text = age(seconds);
  if (element.textContent !== text) element.textContent = text;
  if (element.dataset.limit && seconds > Number(element.dataset.limit)) element.dataset.tone = "caution";
}

function showClock(clock, now) {
  const then = new Date(now * 1000);
  const day = then.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
  clock.textContent = `${day.replace(",", "")} ${then.toISOString().slice(11, 19)} UTC`;
  clock.title = `${then.toLocaleString()} local time`;
}

// Adds the local time to the UTC time in every tooltip.
function addLocalTime(element) {
  if (element.dataset.localTimeOf === element.dateTime) return;
  element.dataset.localTimeOf = element.dateTime;
  element.title = `${element.title.split(" (")[0]} (${new Date(element.dateTime).toLocaleString()} local time)`;
}

function tick() {
  if (document.hidden) return;
  const now = serverNow();
  for (const element of document.querySelectorAll("time[data-age]")) showAge(element, now);
  for (const element of document.querySelectorAll("time[data-age], time[data-moment]")) addLocalTime(element);
  const clock = document.getElementById("clock");
  if (clock) showClock(clock, now);
}

export function startAges() {
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
  document.addEventListener("signalbox:swapped", tick);
  tick();
}
