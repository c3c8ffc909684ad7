// The theme: the browser's preference unless the user selects one. The server reads the cookie, so that pages do not flash.
const root = document.documentElement;

function current() {
  return root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function choose(theme) {
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  document.cookie = `theme=${theme}; path=/; max-age=${theme ? 31536000 : 0}; samesite=lax`;
  document.dispatchEvent(new CustomEvent("signalbox:theme"));
}

function markPressed(choices) {
  for (const button of choices) button.setAttribute("aria-pressed", button.dataset.themeChoice === (root.dataset.theme ?? ""));
}

export function initThemes() {
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.addEventListener("click", () => choose(current() === "dark" ? "light" : "dark"));
  }
  const choices = document.querySelectorAll("[data-theme-choice]");
  for (const button of choices) {
    button.addEventListener("click", () => {
      choose(button.dataset.themeChoice);
      markPressed(choices);
    });
  }
  markPressed(choices);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new CustomEvent("signalbox:theme"));
  });
}
