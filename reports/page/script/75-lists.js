// The views of many rows: the fleet, and one table each for hosts, stacks, services, processes and kinds.

const hostGrid = (more = {}) =>
  new Grid({
    id: "hosts-table",
    label: ["host", "hosts"],
    caption: "Hosts by native heap",
    columns: hostColumns(),
    rows: between(0, page.hosts.rows),
    sort: "-native_heap_resident_max_bytes",
    source: "hosts",
    table: "hosts",
    failed: (row) => (known(page.hosts.number("rank", row)) ? null : failureShown(row)),
    ...more,
  });

const failureShown = (row) => {
  const { hosts } = page;
  const status = hosts.text("status", row);
  const stage = hosts.text("stage", row);
  const detail = hosts.text("detail", row);
  return [
    tag(status, status === "failed" ? "bad" : "warn"),
    ` ${stage ? `${stage}, ` : ""}`,
    make("code", {}, printable(hosts.text("reason", row))),
    detail ? ` · ${shortened(detail, 160)}` : "",
  ];
};

const ranked = (column) => {
  const ranks = page.hosts.numbers(column);
  return between(0, page.hosts.rows).filter((row) => known(ranks[row]));
};

const stackGrid = (more = {}) =>
  new Grid({
    id: "stacks-table",
    label: ["host", "hosts"],
    caption: "Hosts by thread stacks",
    columns: stackColumns(),
    rows: ranked("stack_rank"),
    sort: "-stacks_resident_max_bytes",
    source: "hosts",
    table: "hosts",
    ...more,
  });

const serviceGrid = (more = {}) =>
  new Grid({
    id: "services-table",
    label: ["service", "services"],
    caption: "Services by native heap",
    columns: serviceColumns(),
    rows: between(0, page.services.rows),
    sort: "-native_heap_resident_max_bytes",
    source: "services",
    table: "services",
    ...more,
  });

const processGrid = (of, rows, more = {}) =>
  new Grid({
    id: "processes-table",
    label: ["process", "processes"],
    caption: "Processes by native heap",
    columns: processColumns(of),
    rows,
    sort: "-native_heap_resident_max_bytes",
    source: "processes",
    table: "processes",
    ...more,
  });

// Kinds as a table whose bars are on one scale, with a sum of what adds up.
const kindGrid = (caption, source, blocks, more = {}) => {
  const { rows, kindOf, numbers } = source;
  const greatestOf = (name) => Array.from(rows).reduce((most, row) => Math.max(most, numbers(name)[row] || 0), 0);
  const scale = scaleOf(greatestOf("reserved_bytes"), greatestOf("committed_bytes"));
  const bars = (row) =>
    kindBars(kindOf(row), { reserved: numbers("reserved_bytes")[row], committed: numbers("committed_bytes")[row], most: numbers("resident_max_bytes")[row] }, scale);
  const sums = sumsOf(source);
  const foot = {
    kind: "Sum",
    count: number(sums.count),
    reserved_bytes: size(sums.reserved_bytes),
    committed_bytes: size(sums.committed_bytes),
    resident_max_bytes: size(sums.resident_max_bytes, !known(sums.resident_bytes)),
    resident_bytes: size(sums.resident_bytes),
  };
  return new Grid({
    id: "kinds-table",
    caption,
    columns: kindColumns(source, bars, blocks),
    rows,
    sort: "-resident_max_bytes",
    foot: (name) => foot[name],
    ...more,
  });
};

const SUMMED = ["count", "reserved_bytes", "committed_bytes", "resident_max_bytes", "resident_bytes"];
// The sums over all rows; one unknown value makes a sum unknown.
const sumsOf = ({ rows, numbers }) =>
  Object.fromEntries(SUMMED.map((name) => [name, Array.from(rows).reduce((sum, row) => sum + numbers(name)[row], 0)]));

const kindSource = (table, rows) => ({
  rows,
  kinds: textKeys(table, "kind"),
  kindOf: (row) => table.text("kind", row),
  numbers: (name) => table.numbers(name),
});

const fleetKinds = () => {
  const list = page.facts.totals.kinds ?? [];
  const columns = {};
  for (const name of SUMMED) columns[name] = Float64Array.from(list, (each) => each[name] ?? NaN);
  const names = list.map((each) => each.kind).sort();
  return {
    rows: between(0, list.length),
    kinds: Float64Array.from(list, (each) => names.indexOf(each.kind)),
    kindOf: (row) => list[row].kind,
    numbers: (name) => columns[name],
  };
};

// The kinds of rows added up by kind, the largest committed first: [[kind, sums]].
const byKind = ({ rows, kindOf, numbers }) => {
  const sums = new Map();
  for (const row of rows) {
    const kind = kindOf(row);
    if (!sums.has(kind)) sums.set(kind, Object.fromEntries(SUMMED.map((name) => [name, 0])));
    for (const name of SUMMED) sums.get(kind)[name] += numbers(name)[row];
  }
  return [...sums].sort(([, a], [, b]) => b.committed_bytes - a.committed_bytes);
};

// The three or four bars of a whole: reserved, committed, at most resident, and resident where it is known.
const kindPicture = (source, line) => {
  const kinds = byKind(source);
  const sums = sumsOf(source);
  const bar = (title, name, bound) => [title, sums[name], kinds.map(([kind, each]) => [kind, each[name]]), bound];
  const isKnown = known(sums.resident_bytes);
  return [
    stackedBars(
      "All bars are on one scale.",
      [
        bar("Reserved", "reserved_bytes"),
        bar("Committed", "committed_bytes"),
        isKnown ? bar("Resident", "resident_bytes") : bar("At most resident", "resident_max_bytes", true),
      ],
      line,
    ),
    make("ul", { class: "legend" }, kinds.filter(([, each]) => each.reserved_bytes > 0).map(([kind]) => make("li", {}, swatch(kind), link(kindAddress(kind), kind)))),
  ];
};

const fleetKindParts = (more) => {
  const source = fleetKinds();
  return source.rows.length ? [...kindPicture(source), kindGrid("The fleet by kind", source, false, more)] : [];
};

const aboutProcesses = () => {
  const { sent } = page.facts.totals;
  return sent > page.processes.rows
    ? make("p", { class: "small soft" }, `This page has the ${number(page.processes.rows)} most important of ${number(sent)} processes. The others: `, command("report", page.facts.run.run_id, "--format", "csv"))
    : null;
};

// What the reader can type, ready for a shell.
const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);
const command = (...words) => make("code", { class: "command", title: page.facts.commands }, printable(`mapsweep ${words.map(quoted).join(" ")}`));

const LISTS = {
  changes: { title: "What changed", make: () => [aboutChanges(), changeGrid(between(0, page.changes.rows), "fleet", { tall: true })] },
  findings: { title: "Findings", make: () => standingParts() },
  hosts: { title: "Hosts by native heap", make: () => [hostGrid({ tall: true })] },
  stacks: { title: "Hosts by thread stacks", make: () => [stackGrid({ tall: true })] },
  services: { title: "Services by native heap", make: () => [serviceGrid({ tall: true })] },
  processes: { title: "Processes by native heap", make: () => [processGrid("fleet", between(0, page.processes.rows), { tall: true }), aboutProcesses()] },
  kinds: {
    title: "The fleet by kind",
    make: () => fleetKindParts({ tall: true }),
  },
};
