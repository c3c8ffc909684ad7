// Charts: history by fetch, then the newest points by the live socket as long as they continue what is drawn. What is
// missing stays a gap.
import { serverNow } from "./ages.js";
import { chartOptions } from "./chartlook.js";
import { readHistory } from "./history.js";

const APPENDED_WINDOW_S = 3600; // longer windows have coarser steps: they are fetched anew once a step
const COLUMNS = ["at", "lag", "rate_in", "rate_out"];
let library = null;

function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/uplot.js", import.meta.url);
    script.onload = () => resolve(window.uPlot);
    script.onerror = () => reject(new Error("uplot.js is missing"));
    document.head.append(script);
  });
  return library;
}

const sizeOf = (place) => ({ width: place.clientWidth, height: place.clientHeight });

class Chart {
  constructor(place) {
    this.place = place;
    this.window = Number(place.dataset.window);
    this.series = place.dataset.series.split(" ").map((one) => one.split(":"));
    new ResizeObserver(() => this.plot?.setSize(sizeOf(place))).observe(place);
    place.addEventListener("signalbox:points", ({ detail }) => this.append(detail));
    document.addEventListener("signalbox:theme", () => this.draw());
  }

  async fetch() {
    try {
      const [, points] = await Promise.all([loadLibrary(), readHistory(this.place.dataset.history)]);
      this.points = { ...points };
    } catch (fault) {
      this.place.textContent = `The history could not be read (${fault.message}).`;
      return;
    }
    this.place.dataset.version = this.points.at.at(-1) ?? "";
    this.draw();
    if (this.window > APPENDED_WINDOW_S) setTimeout(() => this.fetch(), 1000 * Math.max(30, this.points.step_s));
  }

  append({ after, points }) {
    if (!this.points || !points || this.window > APPENDED_WINDOW_S) return;
    const last = this.points.at.at(-1) ?? 0;
    if (after > last) return void this.fetch();
    const from = points.at.findIndex((at) => at > last);
    if (from < 0) return;
    const gone = this.points.at.findIndex((at) => at >= serverNow() - this.window);
    for (const name of COLUMNS) this.points[name] = [...this.points[name].slice(Math.max(0, gone)), ...points[name].slice(from)];
    this.place.dataset.version = this.points.at.at(-1);
    this.plot.setData(this.data());
  }

  data() {
    return [this.points.at, ...this.series.map(([name]) => this.points[name])];
  }

  draw() {
    if (!this.points) return;
    this.plot?.destroy();
    this.place.replaceChildren();
    const range = () => [serverNow() - this.window, serverNow()];
    const options = chartOptions(this.series, range, this.points.step_s);
    this.plot = new window.uPlot({ ...options, ...sizeOf(this.place) }, this.data(), this.place);
  }
}

export function drawCharts() {
  for (const place of document.querySelectorAll("[data-chart]:not([data-drawn])")) {
    place.dataset.drawn = "";
    new Chart(place).fetch();
  }
}

document.addEventListener("htmx:after:swap", drawCharts);
