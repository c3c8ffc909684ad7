// Loads uPlot once, when the first chart of a page needs it.
let library = null;

export function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/uplot.js", import.meta.url);
    script.onload = () => resolve(window.uPlot);
    script.onerror = () => reject(new Error("uplot.js is missing"));
    document.head.append(script);
  });
  return library;
}
