// The command palette (Ctrl K): one bounded search on the server returns a rendered list; arrows select, Enter opens.
const DEBOUNCE_MS = 120;
const palette = document.getElementById("palette");
const field = palette.querySelector("input");
const results = document.getElementById("palette-found");
let timer = 0;
let request = null;

export function openPalette() {
  if (palette.open) return;
  palette.showModal();
  field.select();
  search();
}

async function search() {
  request?.abort();
  request = new AbortController();
  const url = new URL(palette.dataset.search, location.href);
  url.searchParams.set("q", field.value);
  try {
    const response = await fetch(url, { signal: request.signal, headers: { "HX-Request": "true", "HX-Request-Type": "partial" } });
    const html = await response.text();
    if (!response.ok) throw new Error(`status ${response.status}`);
    results.innerHTML = html; // rendered and escaped by our own templates
    select(0);
  } catch (error) {
    if (error.name !== "AbortError") results.textContent = `Search failed: ${error.message}.`;
  }
}

function options() {
  return [...results.querySelectorAll("[role='option']")];
}

function select(index) {
  const all = options();
  all.forEach((option, i) => {
    option.id ||= `result-${i}`;
    option.setAttribute("aria-selected", i === index ? "true" : "false");
  });
  all[index]?.scrollIntoView({ block: "nearest" });
  if (all[index]) field.setAttribute("aria-activedescendant", all[index].id);
  else field.removeAttribute("aria-activedescendant");
}

function step(by) {
  const all = options();
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (all.length) select((at + by + all.length) % all.length);
}

field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, DEBOUNCE_MS);
});

field.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter") {
    event.preventDefault();
    results.querySelector("[aria-selected='true'] a[href]")?.click();
  }
});

palette.addEventListener("click", (event) => event.target === palette && palette.close());
