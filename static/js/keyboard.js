// Keyboard shortcuts; the help dialog lists them. Inactive while the user types.
const PAGES = { o: "Overview", g: "Groups", d: "Destinations", c: "Connections" };
const SEQUENCE_MS = 1500; // between g and the letter
let goPressedAt = 0;

function typing(target) {
  return target.closest("input, textarea, select, [contenteditable], dialog[open]") !== null;
}

function rows() {
  return [...document.querySelectorAll("#content table.table tbody tr:has(a[href]), #content .feed a")].filter((row) => row.checkVisibility());
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => "cursor" in row.dataset);
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step))];
  for (const row of all) delete row.dataset.cursor;
  next.dataset.cursor = "";
  (next.matches("a") ? next : next.querySelector("a[href]")).focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function go(letter) {
  const target = [...document.querySelectorAll(".side a[href]")].find((link) => link.textContent.trim().startsWith(PAGES[letter]));
  if (target) location.assign(target.href);
}

function search() {
  document.querySelector("[data-search-field]")?.focus();
}

function clearCursor() {
  for (const row of document.querySelectorAll("[data-cursor]")) delete row.dataset.cursor;
  document.activeElement?.blur();
}

const SHORTCUTS = {
  "/": search,
  j: () => move(1),
  k: () => move(-1),
  "?": () => document.getElementById("help").showModal(),
  g: () => (goPressedAt = performance.now()),
  Escape: clearCursor,
};

export function listenToKeys(openPalette) {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target)) {
      if (event.key === "Escape" && !event.target.closest("dialog")) event.target.blur();
      return;
    }
    if (performance.now() - goPressedAt < SEQUENCE_MS && goPressedAt && event.key in PAGES) {
      goPressedAt = 0;
      event.preventDefault();
      go(event.key);
    } else if (event.key in SHORTCUTS) {
      event.preventDefault();
      SHORTCUTS[event.key]();
    }
  });
}
