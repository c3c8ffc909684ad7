// Ctrl K: jump anywhere. What is found comes from one bounded search on the server, as a drawn list; arrows choose, Enter goes.
const WAIT_MS = 120;
const palette = document.getElementById("palette");
const field = palette.querySelector("input");
const found = document.getElementById("palette-found");
let waiting = 0;
let asking = null;

export function openPalette() {
  if (palette.open) return;
  palette.showModal();
  field.select();
  ask();
}

async function ask() {
  asking?.abort();
  asking = new AbortController();
  const address = new URL(palette.dataset.search, location.href);
  address.searchParams.set("q", field.value);
  try {
    const answer = await fetch(address, { signal: asking.signal, headers: { "HX-Request": "true", "HX-Request-Type": "partial" } });
    const html = await answer.text();
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    found.innerHTML = html; // drawn and escaped by our own templates
    choose(0);
  } catch (fault) {
    if (fault.name !== "AbortError") found.textContent = `The search failed (${fault.message}).`;
  }
}

function options() {
  return [...found.querySelectorAll("[role='option']")];
}

function choose(index) {
  const all = options();
  all.forEach((option, i) => {
    option.id ||= `found-${i}`;
    option.setAttribute("aria-selected", i === index ? "true" : "false");
  });
  all[index]?.scrollIntoView({ block: "nearest" });
  if (all[index]) field.setAttribute("aria-activedescendant", all[index].id);
  else field.removeAttribute("aria-activedescendant");
}

function step(by) {
  const all = options();
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (all.length) choose((at + by + all.length) % all.length);
}

field.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(ask, WAIT_MS);
});

field.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter") {
    event.preventDefault();
    found.querySelector("[aria-selected='true'] a[href]")?.click();
  }
});

palette.addEventListener("click", (event) => event.target === palette && palette.close());
