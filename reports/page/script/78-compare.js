// Any two of the last runs beside one another: hosts and services, their difference, and the sums.

const compareView = () => {
  const { runs } = past;
  if (runs.length < 2) return null;
  const chosen = { a: runOf("a", runs.length - 2), b: runOf("b", runs.length - 1) };
  const grids = [comparedGrid("host", "Hosts in two runs", chosen), comparedGrid("service", "Services in two runs", chosen)];
  const said = make("p", { class: "small soft", role: "status" });
  const tell = () => { said.textContent = `${strangersSaid()}${comparedSaid(chosen)}`; };
  const choose = (name, at) => {
    chosen[name] = at;
    route.set(name, runs[at].run_id);
    tell();
    for (const grid of grids) grid.renew();
  };
  const choice = (name) => make(
    "span",
    {},
    make("label", { for: `run-${name}` }, name.toUpperCase(), " "),
    make(
      "select",
      { id: `run-${name}`, on: { change: (event) => choose(name, Number(event.target.value)) } },
      runs.map((run, at) => make("option", { value: at, selected: at === chosen[name] }, day(run.started_at))),
    ),
  );
  tell();
  return {
    title: "Two runs",
    parts: [
      make("h1", { tabindex: -1 }, "Two runs"),
      make("p", { class: "choices" }, choice("a"), choice("b")),
      said,
      make("h2", {}, "Hosts"),
      grids[0],
      ...(grids[1].rows.length ? [make("h2", {}, "Services"), make("p", { class: "small soft" }, OF_SERVICES), grids[1]] : []),
    ],
  };
};

const OF_SERVICES = "A service is all its processes in each run: a host or a process that it has in only one of them is part of its difference. What changed compares only processes that are in both runs.";

// The run that the address names; otherwise another one.
const runOf = (name, otherwise) => {
  const at = past.runs.findIndex((run) => run.run_id === route.get(name));
  return at < 0 ? otherwise : at;
};

// Of the runs that the address names and this page does not have: an older page has them, or a newer one.
const strangersSaid = () => {
  const strangers = ["a", "b"].map((name) => route.get(name)).filter((id) => id && !past.runs.some((run) => run.run_id === id));
  if (!strangers.length) return "";
  const ids = strangers.map((id) => shortened(id, 80)).join(" and ");
  return `The address names ${ids}, which this page does not have: it shows another run instead. mapsweep diff compares any two runs that are kept. `;
};

const rowsOf = (subject) => {
  const { hosts, services } = page.facts.history;
  const gone = between(hosts + services, page.history.rows).filter((row) => page.history.text("subject", row) === subject);
  return Int32Array.from([...(subject === "host" ? between(0, hosts) : between(hosts, hosts + services)), ...gone]);
};

const nameOf = (subject, row) => {
  const { hosts, services } = page.facts.history;
  if (row >= hosts + services) return page.history.text("name", row);
  return subject === "host" ? page.hosts.text("name", row) : page.services.text("service", row - hosts);
};

// Of a measure the values in both runs and their difference, and the sums over the rows that both have.
const differences = (measure, rows, { a, b }) => {
  const of = (run) => {
    const all = new Float64Array(page.history.rows).fill(NaN);
    for (const row of rows) all[row] = past.value(measure, row, run);
    return all;
  };
  const [before, after] = [of(a), of(b)];
  const both = rows.filter((row) => known(before[row]) && known(after[row]));
  const sum = (values) => both.reduce((whole, row) => whole + values[row], 0);
  return { before, after, difference: after.map((value, row) => value - before[row]), sums: both.length ? [sum(before), sum(after)] : [NaN, NaN], both: both.length };
};

const comparedSaid = (chosen) => {
  const rows = rowsOf("host");
  const { before, after, both } = differences("anon", rows, chosen);
  const only = (here, there) => rows.filter((row) => known(here[row]) && !known(there[row])).length;
  const parts = [
    `A is ${when(past.runs[chosen.a].started_at)}, B ${when(past.runs[chosen.b].started_at)}.`,
    `${counted(both, "host is", "hosts are")} in both, ${number(only(before, after))} only in A, ${number(only(after, before))} only in B.`,
    "The sums are over hosts, and over services, that are in both. A host is all its processes in each run. Sizes are rounded.",
  ];
  return parts.join(" ");
};

const comparedGrid = (subject, caption, chosen) => {
  const rows = rowsOf(subject);
  let made = {};
  const of = (measure) => {
    if (made.a !== chosen.a || made.b !== chosen.b) made = { ...chosen };
    return (made[measure] ??= differences(measure, rows, chosen));
  };
  const sized = (name, measure, title, what, show, more = {}) => ({
    name,
    title,
    meaning: `${OVER_TIME[measure]}${what}`,
    width: 128,
    keys: () => of(measure)[name.split(".")[1]],
    show: (row) => show(of(measure)[name.split(".")[1]][row]),
    ...more,
  });
  const foots = {
    name: () => "Sum",
    "anon.before": () => size(of("anon").sums[0]),
    "anon.after": () => size(of("anon").sums[1]),
    "anon.difference": () => growth(of("anon").sums[1] - of("anon").sums[0]),
    "native.before": () => size(of("native_heap").sums[0]),
    "native.after": () => size(of("native_heap").sums[1]),
    "native.difference": () => growth(of("native_heap").sums[1] - of("native_heap").sums[0]),
  };
  const names = Array.from(rows, (row) => nameOf(subject, row));
  const order = [...new Set(names)].sort((x, y) => (x.toLowerCase() < y.toLowerCase() ? -1 : 1));
  const ranks = new Map(order.map((name, at) => [name, at]));
  const nameKeys = () => {
    const keys = new Float64Array(page.history.rows);
    rows.forEach((row, at) => { keys[row] = ranks.get(names[at]); });
    return keys;
  };
  const title = subject === "host" ? "Host" : "Service";
  const shown = subject === "host" ? hostOrName : serviceOrName;
  return new Grid({
    id: `compare-${subject}s`,
    label: subject === "host" ? ["host", "hosts"] : ["service", "services"],
    caption,
    columns: [
      { name: "name", title, meaning: "Its name", width: 264, head: true, text: true, keys: nameKeys, show: (row) => named(shown(nameOf(subject, row)), row >= page.facts.history.hosts + page.facts.history.services ? tag("not in this run") : null) },
      sized("anon.difference", "anon", "Difference", ", B less A", growth, { class: "key" }),
      sized("anon.before", "anon", "Anonymous in A", " in A", size),
      sized("anon.after", "anon", "Anonymous in B", " in B", size),
      sized("native.difference", "native_heap", "Native heap bound, difference", " in B less that in A, both at most: what is below these bounds can differ otherwise", growth),
      sized("native.before", "native_heap", "Native heap in A, at most", " in A, at most resident", size),
      sized("native.after", "native_heap", "Native heap in B, at most", " in B, at most resident", size),
    ],
    rows,
    sort: "-anon.difference",
    prefix: subject === "host" ? "" : "services.",
    source: "history",
    foot: (name) => foots[name]?.(),
    exported: () => ({
      names: ["name", "anon_bytes_a", "anon_bytes_b", "native_heap_bytes_a", "native_heap_bytes_b"],
      readers: [(row) => nameOf(subject, row), ...["anon", "native_heap"].flatMap((measure) => ["before", "after"].map((side) => (row) => orNull(of(measure)[side][row])))],
    }),
  });
};
