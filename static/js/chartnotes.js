// What a chart lacks, in words below it: history that begins later than the chart, and values that are minimums.
const LATE_SHARE = 1 / 30; // a shorter part without data at the left needs no words

const utc = (at) => new Date(at * 1000).toISOString().slice(11, 16);
const day = (at) => new Date(at * 1000).toISOString().slice(0, 10);

export function notes(points, names, begin, end) {
  const found = [];
  const first = points.at.find((_, row) => names.some((name) => points[name][row] !== null));
  if (first === undefined) found.push("No data in this time.");
  else if (first - begin > (end - begin) * LATE_SHARE) found.push(`No data before ${day(first) === day(end) ? "" : `${day(first)} `}${utc(first)} UTC.`);
  if (names.includes("lag_at_least") && points.lag_at_least.some((value) => value !== null))
    found.push("Dashed: at least this much, because some partitions were unknown.");
  return found.join(" ");
}

export function showNotes(element, text) {
  element.hidden = text === "";
  element.textContent = text;
}
