// The style of charts: colors from the CSS tokens, one scale on the right, gaps as bands.
const GAP_STEPS = 3; // a longer gap is drawn as "no data"
// Whole steps for counts: half a message does not exist.
const WHOLE = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const TOKENS = { ink: "--ink", quiet: "--ink-3", accent: "--accent", danger: "--danger-fill", caution: "--caution-fill", clear: "--clear-fill" };

// A canvas cannot resolve custom properties or light-dark(), so a page element computes the color.
function color(token, alpha = 1) {
  const probe = document.createElement("span");
  probe.style.color = alpha === 1 ? `var(${token})` : `color-mix(in oklch, var(${token}) ${alpha * 100}%, transparent)`;
  document.body.append(probe);
  const computed = getComputedStyle(probe).color;
  probe.remove();
  return computed;
}

function line([name, tone, fill]) {
  const stroke = color(TOKENS[tone] ?? TOKENS.ink);
  const dash = name === "lag_at_least" ? [4, 4] : undefined;
  return { stroke, dash, width: 1.75, spanGaps: false, points: { show: false }, fill: fill ? color(TOKENS[tone], 0.12) : undefined };
}

function gaps(at, series, step) {
  const bands = [];
  let lastKnown = null;
  for (let i = 0; i < at.length; i++) {
    if (series.every((column) => column[i] === null)) continue;
    if (lastKnown !== null && at[i] - lastKnown > GAP_STEPS * step) bands.push([lastKnown, at[i]]);
    lastKnown = at[i];
  }
  return bands;
}

function drawGaps(step) {
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    for (const [from, to] of gaps(plot.data[0], plot.data.slice(1), step)) {
      const left = Math.max(bbox.left, plot.valToPos(from, "x", true));
      const width = plot.valToPos(to, "x", true) - left;
      if (width <= 0) continue;
      ctx.fillStyle = color("--hover");
      ctx.fillRect(left, bbox.top, width, bbox.height);
      if (to - from < 60) continue;
      ctx.fillStyle = color("--ink-3");
      ctx.fillText(`no data ${Math.round((to - from) / 60)} min`, left + 4, bbox.top + 12 * devicePixelRatio);
    }
    ctx.restore();
  };
}

// 400 k, 1.2 M: the format of figures.short_number.
const short = (value) => SHORT.format(value).replace(/([A-Z])$/, (unit) => `\u00a0${unit === "K" ? "k" : unit}`);

export function chartOptions(series, range, step) {
  const font = "500 12px Overpass, system-ui, sans-serif";
  const stroke = color("--ink-3");
  const counts = series.every(([name]) => name.startsWith("lag")) ? { incrs: WHOLE } : {};
  const grid = { stroke: color("--line"), width: 1 };
  return {
    legend: { show: false },
    padding: [10, 8, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    scales: { x: { time: true, range }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.05)] } },
    tzDate: (at) => new Date(at * 1000 + new Date(at * 1000).getTimezoneOffset() * 60000),
    axes: [
      { stroke, font, size: 26, grid: { show: false }, ticks: { show: false }, values: (plot, splits) => splits.map((at) => new Date(at * 1000).toISOString().slice(11, 16)) },
      { stroke, font, grid, ticks: { show: false }, side: 1, size: 64, space: 40, ...counts, values: (_, splits) => splits.map(short) },
    ],
    series: [{}, ...series.map(line)],
    hooks: { drawClear: [drawGaps(step)] },
  };
}
