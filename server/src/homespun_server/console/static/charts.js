// Draws what the tables beside say in figures. A chart without its table would be of no use to many.
"use strict";

(() => {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const STROKES = ["--series-0", "--series-1", "--series-2", "--series-3", "--series-4", "--series-5"];
  const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4], [4, 2], [1, 4]];

  // The rows of a table as aligned columns: times, and for each series the latest value so far, or what was counted then.
  const columns = (rows, counted) => {
    const found = rows
      .map((row) => ({ at: Date.parse(row.dataset.time) / 1000, name: row.dataset.series, value: Number(row.dataset.value) }))
      .sort((one, other) => one.at - other.at);
    const names = [...new Set(found.map((each) => each.name))];
    const times = [...new Set(found.map((each) => each.at))];
    const values = names.map((name) => {
      let last = null;
      return times.map((at) => {
        last = counted ? 0 : last;
        found.filter((each) => each.at === at && each.name === name).forEach((each) => { last = each.value; });
        return last;
      });
    });
    return { names, data: [times, ...values] };
  };

  const axis = () => ({ stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } });

  // Dates as the tables have them, ISO 8601 in UTC; within days the time is told, too.
  const written = (seconds, step) => {
    const text = new Date(seconds * 1000).toISOString();
    return step < 86400 ? `${text.slice(0, 10)}\n${text.slice(11, 16)}` : text.slice(0, 10);
  };
  const days = () => ({ ...axis(), space: 72, values: (_, places, __, ___, step) => places.map((at) => written(at, step)) });

  const draw = (figure) => {
    const rows = [...document.querySelectorAll(`#${figure.dataset.chart} tbody tr[data-time]`)];
    if (!rows.length) {
      return;
    }
    figure.hidden = false;
    const straight = figure.dataset.lines === "straight";
    const place = figure.querySelector(".canvas");
    const { names, data } = columns(rows, straight);
    const series = names.map((name, index) => ({
      label: name,
      stroke: colour(STROKES[index % STROKES.length]),
      dash: DASHES[index % DASHES.length],
      width: 2,
      paths: straight ? undefined : uPlot.paths.stepped({ align: 1 }),
      points: { show: true, size: 6 },
    }));
    const width = () => Math.max(280, place.clientWidth);
    const chart = new uPlot({
      width: width(),
      height: 260,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] } },
      axes: [days(), { ...axis(), size: 64 }],
      legend: { live: false }, // what a point says is in the table
      series: [{}, ...series],
    }, data, place);
    new ResizeObserver(() => chart.setSize({ width: width(), height: 260 })).observe(place);
  };

  document.querySelectorAll("figure[data-chart]").forEach(draw);
})();
