// Charts: fetch the history, then append the newest points from the live socket. Missing points stay a gap.
import { serverNow } from "./ages.js";
import { notes, showNotes } from "./chartnotes.js";
import { chartOptions } from "./chartstyle.js";
import { readHistory } from "./history.js";
import { loadLibrary } from "./uplotloader.js";

const APPENDED_WINDOW_S = 3600; // longer windows have coarser steps and are fetched again each step
const COLUMNS = ["at", "lag", "lag_at_least", "rate_in", "rate_out"];

const sizeOf = (element) => ({ width: element.clientWidth, height: element.clientHeight });

class Chart {
  constructor(element) {
    this.element = element;
    this.window = Number(element.dataset.window);
    this.series = element.dataset.series.split(" ").map((curve) => curve.split(":"));
    new ResizeObserver(() => this.plot?.setSize(sizeOf(element))).observe(element);
    element.addEventListener("signalbox:points", ({ detail }) => this.append(detail));
    document.addEventListener("signalbox:theme", () => this.draw());
  }

  async fetch() {
    try {
      const [, points] = await Promise.all([loadLibrary(), readHistory(this.element.dataset.history)]);
      this.points = { ...points };
    } catch (error) {
      this.element.textContent = `Cannot load the history: ${error.message}. Reload the page to try again.`;
      return;
    }
    this.element.dataset.version = this.points.at.at(-1) ?? "";
    this.draw();
    if (this.window > APPENDED_WINDOW_S) setTimeout(() => this.fetch(), 1000 * Math.max(30, this.points.step_s));
  }

  append({ after, points }) {
    if (!this.points || !points || this.window > APPENDED_WINDOW_S) return;
    const last = this.points.at.at(-1) ?? 0;
    if (after > last) return void this.fetch();
    const from = points.at.findIndex((at) => at > last);
    if (from < 0) return;
    const firstKept = this.points.at.findIndex((at) => at >= serverNow() - this.window);
    for (const name of COLUMNS) this.points[name] = [...this.points[name].slice(Math.max(0, firstKept)), ...points[name].slice(from)];
    this.element.dataset.version = this.points.at.at(-1);
    this.plot.setData(this.data());
    this.annotate();
  }

  annotate() {
    const names = this.series.map(([name]) => name);
    showNotes(this.element.nextElementSibling, notes(this.points, names, serverNow() - this.window, serverNow()));
  }

  data() {
    return [this.points.at, ...this.series.map(([name]) => this.points[name])];
  }

  draw() {
    if (!this.points) return;
    this.plot?.destroy();
    this.element.replaceChildren();
    const range = () => [serverNow() - this.window, serverNow()];
    const options = chartOptions(this.series, range, this.points.step_s);
    this.plot = new window.uPlot({ ...options, ...sizeOf(this.element) }, this.data(), this.element);
    this.annotate();
  }
}

export function drawCharts() {
  for (const element of document.querySelectorAll("[data-chart]:not([data-drawn])")) {
    element.dataset.drawn = "";
    new Chart(element).fetch();
  }
}

document.addEventListener("htmx:after:swap", drawCharts);
