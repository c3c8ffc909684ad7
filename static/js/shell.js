// The entry module of every page: starts the others. No module depends on a feature.
import { startAges } from "./ages.js";
import { drawCharts } from "./chart.js";
import { listenToKeys } from "./keyboard.js";
import { goLive } from "./live.js";
import { openPalette } from "./palette.js";
import { initThemes } from "./theme.js";

startAges();
initThemes();
listenToKeys(openPalette);
goLive();
drawCharts();

// CSS opens folds on wide screens; the open attribute must match for screen readers.
const phone = matchMedia("(width < 56.25rem)");
function syncFolds() {
  for (const fold of document.querySelectorAll("details.fold")) fold.open = !phone.matches;
}
phone.addEventListener("change", syncFolds);
syncFolds();

for (const button of document.querySelectorAll("[data-opens='palette']")) button.addEventListener("click", openPalette);
document.addEventListener("click", copy);

// A button with data-copies="id" copies the text of that element.
async function copy(event) {
  const button = event.target.closest("[data-copies]");
  const source = button && document.getElementById(button.dataset.copies);
  if (!source) return;
  await navigator.clipboard.writeText(source.textContent.trim());
  button.textContent = "Copied";
}
