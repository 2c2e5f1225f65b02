// The last runs: what hosts and services had in each, as lines and as tables. A run without a value is a gap.

const SPARK = { width: 98, height: 20 };
const PICTURE = { width: 300, height: 56 };
const LEAST_SPAN = 0.1; // of the largest value: what differs by less looks flat
const OVER_TIME = { anon: "Anonymous memory", native_heap: "Native heap" };

const past = {
  get runs() {
    return page.facts.history.runs;
  },

  // The row of a host or a service of this run; -1 if this page has none of its last runs.
  rowOf(subject, row) {
    const { hosts, services } = page.facts.history;
    if (subject === "host") return row < hosts ? row : -1;
    return row < services ? hosts + row : -1;
  },

  value(measure, row, run) {
    const { history: table } = page;
    return row < 0 ? NaN : table.number(`${measure}_${run}`, row) * 2 ** table.number(`${measure}_power`, row);
  },

  values(measure, row) {
    return this.runs.map((_, run) => this.value(measure, row, run));
  },
};

// The first and the last known value of the runs.
const ends = (values) => {
  const told = values.filter(known);
  return told.length ? [told[0], told[told.length - 1]] : [NaN, NaN];
};

const inWordsOver = (measure, values) => {
  const first = values.findIndex(known);
  if (first < 0) return `${OVER_TIME[measure]} of the last runs is not known`;
  const last = values.findLastIndex(known);
  const told = values.filter(known);
  const gaps = values.length - told.length;
  return [
    `${OVER_TIME[measure]}: ${size(values[first])} on ${day(past.runs[first].started_at)}, ${size(values[last])} on ${day(past.runs[last].started_at)}`,
    `at least ${size(Math.min(...told))}, at most ${size(Math.max(...told))}`,
    ...(gaps ? [`not known in ${counted(gaps, "run", "runs")}`] : []),
  ].join("; ");
};

// A line through the values, broken where one is not known, with a point at the last; a ring where it was restarted.
const lineOf = (measure, values, { width, height }, isRestarted) => {
  const svg = draw("svg", { class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${inWordsOver(measure, values)}${isRestarted ? "; restarted since the run before" : ""}` });
  const told = values.filter(known);
  if (!told.length) return svg;
  const most = Math.max(...told);
  const span = Math.max(most - Math.min(...told), most * LEAST_SPAN) || 1;
  const low = Math.max(0, (most + Math.min(...told) - span) / 2);
  const x = (run) => (values.length > 1 ? 4 + (run * (width - 8)) / (values.length - 1) : width / 2).toFixed(1);
  const y = (value) => (height - 4 - ((value - low) * (height - 8)) / span).toFixed(1);
  let path = "";
  values.forEach((value, run) => {
    if (!known(value)) return;
    const isStart = run === 0 || !known(values[run - 1]);
    path += `${isStart ? "M" : "L"}${x(run)} ${y(value)}`;
    if (isStart && (run === values.length - 1 || !known(values[run + 1]))) svg.append(draw("circle", { cx: x(run), cy: y(value), r: 1.5 }));
  });
  svg.append(draw("path", { d: path }));
  const last = values.length - 1;
  if (known(values[last])) svg.append(draw("circle", { class: isRestarted ? "ring" : null, cx: x(last), cy: y(values[last]), r: isRestarted ? 3 : 2 }));
  return svg;
};

// Hosts and services of which this run tells a restart, by subject and name.
let restarts = null;
const wasRestarted = (subject, name) => {
  if (!restarts) {
    const { changes } = page;
    const rows = between(0, changes.rows).filter((row) => changes.text("change", row) === "restarted");
    restarts = new Set(Array.from(rows, (row) => `${changes.text("subject", row)} ${changes.text(changes.text("subject", row), row)}`));
  }
  return restarts.has(`${subject} ${name}`);
};

// The last runs of each row of a table; sorted by how much the last differs from the first.
const pastColumns = (table, subject, nameColumn) => {
  if (past.runs.length < 2) return [];
  let keys = null;
  const differences = () =>
    Float64Array.from({ length: table.rows }, (_, row) => {
      const [first, last] = ends(past.values("anon", past.rowOf(subject, row)));
      return last - first;
    });
  return [
    {
      name: "runs",
      title: `Anonymous and swap, last ${past.runs.length} runs`,
      meaning: "Resident anonymous memory and swap, not the native heap, run by run; sorted by the difference of the last to the first",
      width: SPARK.width + 16,
      class: "bar",
      keys: () => (keys ??= differences()),
      show: (row) => lineOf("anon", past.values("anon", past.rowOf(subject, row)), SPARK, wasRestarted(subject, table.text(nameColumn, row))),
    },
  ];
};

// Pictures of the last runs of a host or a service, and the same as a table with dates.
const lastRuns = (subject, row, name) => {
  const at = past.rowOf(subject, row);
  if (past.runs.length < 2 || at < 0) return [];
  const values = Object.fromEntries(Object.keys(OVER_TIME).map((measure) => [measure, past.values(measure, at)]));
  const steps = Object.fromEntries(Object.entries(values).map(([measure, all]) => [measure, all.map((value, run) => (run ? value - all[run - 1] : NaN))]));
  const column = (measure, shown, title, meaning, show, more = {}) => ({
    name: `${shown === steps ? "change_" : ""}${measure}`,
    title,
    meaning,
    width: 130,
    keys: () => Float64Array.from(shown[measure]),
    show: (run) => show(shown[measure][run]),
    ...more,
  });
  const columns = [
    { name: "started_at", title: "Run", meaning: "When the run started", width: 150, head: true, text: true, keys: () => between(0, past.runs.length), show: (run) => day(past.runs[run].started_at) },
    column("anon", values, OVER_TIME.anon, "Resident anonymous memory and swap of its processes", size, { class: "key" }),
    column("anon", steps, "Change of anonymous", "Anonymous memory against the run before", growth),
    column("native_heap", values, "Native heap, at most", "Native heap by the labels of that run, at most resident", size),
    column("native_heap", steps, "Change of the bound", "Of what can be resident at most, against the run before: what is below it can change otherwise", growth),
  ];
  return [
    make(
      "div",
      { class: "pictures" },
      Object.keys(OVER_TIME).map((measure) => make("figure", {}, lineOf(measure, values[measure], PICTURE, wasRestarted(subject, name)), make("figcaption", { class: "small soft" }, inWordsOver(measure, values[measure])))),
    ),
    new Grid({
      id: "runs-table",
      label: ["run", "runs"],
      caption: `The last runs of ${printable(name)}`,
      columns,
      rows: between(0, past.runs.length),
      sort: "-started_at",
      prefix: "runs.",
      exported: () => ({
        names: ["run_id", "started_at", "anon_bytes", "native_heap_bytes"],
        readers: [(run) => past.runs[run].run_id, (run) => past.runs[run].started_at, (run) => orNull(values.anon[run]), (run) => orNull(values.native_heap[run])],
      }),
    }),
    make("p", { class: "small soft" }, "Sizes are rounded; exact ones, and those of earlier runs: ", command("history", name), isOfHost() ? "" : [". ", link("#/compare", "Compare two runs")]),
  ];
};

const orNull = (value) => (known(value) ? value : null);
