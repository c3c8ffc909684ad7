// Light or dark: the browser's preference until a person chooses. The choice is a cookie, which the server writes into the
// page, so that no page flashes in the other theme.
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

function press(choices) {
  for (const one of choices) one.setAttribute("aria-pressed", one.dataset.themeChoice === (root.dataset.theme ?? ""));
}

export function offerThemes() {
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.addEventListener("click", () => choose(current() === "dark" ? "light" : "dark"));
  }
  const choices = document.querySelectorAll("[data-theme-choice]");
  for (const button of choices) {
    button.addEventListener("click", () => {
      choose(button.dataset.themeChoice);
      press(choices);
    });
  }
  press(choices);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new CustomEvent("signalbox:theme"));
  });
}
