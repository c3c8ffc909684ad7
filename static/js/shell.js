// The one module that every page loads: starts the others. No module knows the page's subject.
import { keepAges } from "./ages.js";
import { drawCharts } from "./chart.js";
import { listenToKeys } from "./keyboard.js";
import { goLive } from "./live.js";
import { openPalette } from "./palette.js";
import { offerThemes } from "./theme.js";

keepAges();
offerThemes();
listenToKeys(openPalette);
goLive();
drawCharts();

// Folds stand open above the phone by CSS; what is told to a screen reader must match.
const phone = matchMedia("(width < 56.25rem)");
function matchFolds() {
  for (const fold of document.querySelectorAll("details.fold")) fold.open = !phone.matches;
}
phone.addEventListener("change", matchFolds);
matchFolds();

for (const button of document.querySelectorAll("[data-opens='palette']")) button.addEventListener("click", openPalette);
document.addEventListener("click", copy);

// A button with data-copies="id" copies the text of that element and says so.
async function copy(event) {
  const button = event.target.closest("[data-copies]");
  const source = button && document.getElementById(button.dataset.copies);
  if (!source) return;
  await navigator.clipboard.writeText(source.textContent.trim());
  button.textContent = "Copied";
}
