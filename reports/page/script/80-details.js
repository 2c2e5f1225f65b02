// The views of one thing: a service, a host, a process, a kind. Each returns its title and its parts.

const findText = (table, column, text) => {
  const { words, codes } = table.words(column);
  const code = words.indexOf(text);
  return code < 0 ? -1 : codes.indexOf(code);
};

const crumbs = (...parts) => make("p", { class: "crumbs small" }, link(`${index()}#/`, "Fleet"), parts.map((part) => [" › ", part]));
const titled = (name, width, ...tags) => make("h1", { tabindex: -1 }, foreign(name, width), tags.map((each) => [" ", each]));
const section = (title, ...parts) => (parts.flat().some(Boolean) ? [make("h2", {}, title), ...parts.flat()] : []);
const changed = (bytes) => (isCompared() ? [make("b", {}, growth(bytes)), known(bytes) ? " in processes that ran then too" : " growth is not known"] : []);

const serviceView = (name) => {
  const { services, processes } = page;
  const row = findText(services, "service", name);
  if (row < 0) return null;
  const of = servicesOfProcesses();
  const rows = between(0, processes.rows).filter((each) => of[each] === row);
  const members = services.number("members", row);
  const bound = !known(services.number("native_heap_resident_bytes", row));
  const bloated = services.number("bloated", row);
  const largestHost = services.text("largest_host", row);
  return {
    title: name,
    parts: [
      crumbs(link("#/services", "Services")),
      titled(name, 120, bloated > 0 ? tag(`${number(bloated)} bloated`, "warn") : null, doubtfulTag(services.number("doubtful", row))),
      make(
        "dl",
        { class: "headline" },
        figure("Native heap", extentShown(services, "native_heap", row), changed(services.number("growth_bytes", row)), true),
        figure("Members", number(members), `${members === 1 ? "process" : "processes"} on ${counted(services.number("hosts", row), "host", "hosts")}`),
        figure("Median", size(services.number("native_heap_median_bytes", row), bound), "native heap of a member"),
        figure("Largest", size(services.number("native_heap_max_bytes", row), bound), largestHost ? ["on ", hostOrDash(largestHost)] : []),
        figure("Above peers", size(services.number("peer_excess_bytes", row)), known(bloated) ? `${number(bloated)} with twice the median` : "not known: too few members"),
        figure("Thread stacks", extentShown(services, "stacks", row), counted(services.number("stacks", row), "stack", "stacks")),
      ),
      ...changesOf((each) => page.changes.text("service", each) === name, "service"),
      ...section("Findings", groupsOf(null, null, name)),
      spread(rows, services.number("native_heap_median_bytes", row)),
      ...section(
        "Members",
        processGrid("service", rows, { caption: `Processes of ${printable(name)} by native heap` }),
        rows.length < members ? make("p", { class: "small soft" }, `This page has ${number(rows.length)} of its ${number(members)} processes.`) : null,
      ),
      ...section("The last runs", lastRuns("service", row, name)),
    ],
  };
};

const SPREAD_MIN = 3;
const SPREAD_MAX = 2000;
// Each member as a line on a scale of native heap, and the median.
const spread = (rows, median) => {
  const heap = page.processes.numbers("native_heap_resident_max_bytes");
  const values = Array.from(rows, (row) => heap[row]).filter(known);
  if (values.length < SPREAD_MIN) return null;
  const most = greatest(values) || 1;
  const svg = draw("svg", { class: "spread", width: "100%", height: 30, "aria-hidden": "true" }, draw("rect", { class: "rail", y: 14, width: "100%", height: 1 }));
  for (const value of values.slice(0, SPREAD_MAX)) svg.append(draw("rect", { class: "member", x: percent(0.995 * value, most), y: 5, width: 2, height: 19 }));
  if (known(median)) svg.append(draw("rect", { class: "line", x: percent(0.995 * median, most), y: 0, width: 3, height: 30 }));
  const some = values.length > SPREAD_MAX ? `the first ${number(SPREAD_MAX)} of ` : "";
  const said = `Each of ${some}${number(values.length)} members is a line from 0 to ${size(most)}; the long line is the median. The table has the figures.`;
  return make("figure", {}, svg, make("figcaption", { class: "small soft" }, said));
};

const findingsOf = (host, pid = null) => {
  const { findings } = page;
  const rows = between(page.findingStarts[host], page.findingStarts[host + 1]).filter((row) => pid === null || findings.number("pid", row) === pid);
  if (!rows.length) return [];
  return [make("ul", { class: "findings" }, Array.from(rows, (row) => findingShown(host, row, pid !== null)))];
};

const findingShown = (host, row, isOwn) => {
  const { findings, hosts } = page;
  const said = (name) => printable(findings.text(name, row));
  const tone = { alarm: "bad", warning: "warn" }[said("severity")] ?? "soft";
  const pid = String(findings.number("pid", row));
  const who = isOwn ? [] : [link(hostLink(hosts.text("name", host), pid), foreign(findings.text("comm", row), 48), ` (${pid})`), ": "];
  return make(
    "li",
    {},
    tag(said("severity"), tone),
    " ",
    who,
    unbroken(said("evidence")),
    make("div", {}, unbroken(said("advice"))),
    make("div", { class: "small soft" }, `To confirm: ${said("confirm")}`, said("not_shown") ? ` Not shown here: ${said("not_shown")}` : ""),
  );
};

const hostView = (name) => {
  const { hosts } = page;
  const row = findText(hosts, "name", name);
  if (row < 0) return null;
  const status = hosts.text("status", row);
  const trouble = status === "ok" ? null : make("p", { class: status === "failed" ? "strip" : "strip part" }, failureShown(row), hosts.text("remedy", row) ? ` · ${printable(hosts.text("remedy", row))}` : "");
  const head = [crumbs(link(`${index()}#/hosts`, "Hosts")), titled(name, 120, status === "ok" ? null : tag(status, status === "failed" ? "bad" : "warn"), doubtfulTag(hosts.number("doubtful", row))), trouble];
  if (!known(hosts.number("rank", row))) {
    const told = changesOf((each) => page.changes.text("host", each) === name, "host");
    return { title: name, parts: [...head, ...told, labels(row), ...section("The last runs", lastRuns("host", row, name))] };
  }
  const [from, to] = page.processesOf(row);
  const kinds = kindSource(page.host_kinds, between(page.hostKindStarts[row], page.hostKindStarts[row + 1]));
  return {
    title: name,
    parts: [
      ...head,
      ...changesOf((each) => page.changes.text("host", each) === name, "host"),
      hostFigures(row),
      labels(row),
      ...section("Findings", groupsOf(name), findingsOf(row)),
      ...section("Processes", processGrid("host", between(from, to), { caption: `Processes of ${printable(name)} by native heap` }), othersOf(row)),
      ...(kinds.rows.length ? section("By kind", kindPicture(kinds), kindGrid(`Kinds of memory on ${printable(name)}`, kinds, false, { prefix: "kinds." })) : []),
      ...section("The last runs", lastRuns("host", row, name)),
      ...section("The host's own sum", ownSum(row)),
    ],
  };
};

const hostFigures = (row) => {
  const { hosts } = page;
  const value = (name) => hosts.number(name, row);
  const heap = value("native_heap_resident_max_bytes");
  const under = known(value("mem_total_bytes")) ? `${share(heap, value("mem_total_bytes"))} of ${size(value("mem_total_bytes"))} RAM` : "";
  const range = span(value("native_heap_least_bytes"), value("native_heap_most_bytes"), !known(value("native_heap_resident_bytes")));
  return make(
    "dl",
    { class: "headline" },
    figure("Native heap", extentShown(hosts, "native_heap", row), [under, range && range !== DASH ? `, ${range} by its labels` : "", isCompared() ? "; " : "", isOnlyRestarted(row) && isCompared() ? "restarted, so its growth is not known" : changed(value("growth_bytes"))], true),
    figure("Thread stacks", extentShown(hosts, "stacks", row), `${counted(value("stacks"), "stack", "stacks")}, ${size(value("stacks_reserved_bytes"))} reserved`),
    figure("Java heap", extentShown(hosts, "java_heap", row), `${size(value("java_heap_reserved_bytes"))} reserved`),
    figure("Bloat", size(value("bloat_bytes")), "native heap above peers or its own minimum"),
    figure("RSS", size(value("rss_bytes")), "sum over its processes"),
    figure("Processes", number(value("sent")), [counted(value("threads"), "thread", "threads"), value("denied") > 0 ? `, ${number(value("denied"))} not readable` : "", value("restarted") > 0 ? `, ${number(value("restarted"))} restarted` : ""]),
  );
};

const labels = (row) => {
  const { hosts } = page;
  const cores = hosts.number("cores", row);
  const said = [
    hosts.text("labels", row),
    hosts.text("os_name", row),
    hosts.text("kernel", row) && `Linux ${hosts.text("kernel", row)}`,
    known(cores) ? counted(cores, "core", "cores") : "",
    hosts.text("thp_mode", row) && `huge pages ${hosts.text("thp_mode", row)}`,
    hosts.text("at", row) && when(hosts.text("at", row)),
  ];
  return make("p", { class: "small soft labels" }, said.filter(Boolean).map((each, at) => [at ? " · " : "", foreign(each)]));
};

const othersOf = (row) => {
  const { hosts } = page;
  const others = hosts.number("others", row);
  if (!(others > 0)) return null;
  return make(
    "p",
    { class: "small soft" },
    `${counted(others, "other process is", "other processes are")} not in this page: native heap ${size(hosts.number("others_native_heap_bytes", row), true)}, stacks ${size(hosts.number("others_stacks_bytes", row), true)}. `,
    command("show", hosts.text("name", row), "--all", "--run", page.facts.run.run_id),
  );
};

// Parts of MemTotal that add up to it.
const OWN_SUM = ["anon_pages_bytes", "cache_bytes", "shmem_bytes", "slab_bytes", "page_tables_bytes", "kernel_stack_bytes", "huge_pages_bytes", "mem_free_bytes", "remainder_bytes"];
const ownSum = (row) => {
  const { hosts } = page;
  const total = hosts.number("mem_total_bytes", row);
  if (!known(total)) return null;
  const parts = OWN_SUM.map((name, at) => [name, hosts.number(name, row), at]);
  const svg = draw("svg", { class: "stacked", width: "100%", height: 16, "aria-hidden": "true" });
  let at = 0;
  for (const [name, bytes, index] of parts) {
    if (!(bytes > 0)) continue;
    svg.append(draw("rect", { class: `part own-${index}`, x: percent(at, total), width: percent(bytes, total), height: 16 }, draw("title", {}, `${headingOf("hosts", name).title}: ${size(bytes)}`)));
    at += bytes;
  }
  const line = (title, said, mark) => make("div", {}, make("dt", {}, mark, title), make("dd", {}, said));
  const mark = (index) => draw("svg", { class: "swatch", width: 9, height: 9, "aria-hidden": "true" }, draw("rect", { class: `own-${index}`, width: 9, height: 9 }));
  return [
    svg,
    make(
      "dl",
      { class: "own" },
      line("RAM", size(total)),
      parts.map(([name, bytes, index]) => line(headingOf("hosts", name).title, bytes < 0 ? growth(bytes) : size(bytes), mark(index))),
    ),
    make("p", { class: "small soft" }, `All but RAM add up to it. Beside them: sum of RssAnon ${size(hosts.number("rss_anon_bytes", row))}, sum of VmSwap ${size(hosts.number("swap_bytes", row))}.`),
  ];
};

// How many rows of the kinds view a table of processes may have is not limited: the table draws what is in sight.
const kindView = (kind) => {
  const about = kindFacts(kind);
  if (!about) return null;
  const { kinds, host_kinds: hostKinds, processes, hosts } = page;
  const totals = (page.facts.totals.kinds ?? []).find((each) => each.kind === kind);
  return {
    title: kind,
    parts: [
      crumbs(link("#/kinds", "Kinds")),
      make("h1", { tabindex: -1 }, swatch(kind), " ", kind, " ", tag(about.family)),
      make("p", {}, about.meaning),
      about.when_large ? make("p", { class: "strip part" }, make("b", {}, "When it is large: "), about.when_large) : null,
      totals
        ? make(
            "dl",
            { class: "headline" },
            figure("Over the fleet", size(totals.resident_max_bytes ?? NaN, totals.resident_bytes === null), totals.resident_bytes === null ? "at most resident" : "resident", true),
            figure("Committed", size(totals.committed_bytes)),
            figure("Reserved", size(totals.reserved_bytes)),
            figure("Blocks", number(totals.count)),
          )
        : make("p", {}, "No host of this run has any."),
      ...section("Processes with the most of it", holders(kind, processes, kinds, page.kindStarts, "processes")),
      ...section("Hosts with the most of it", holders(kind, hosts, hostKinds, page.hostKindStarts, "hosts")),
    ],
  };
};

// Who has rows of a kind, with the sums of these rows.
const holders = (kind, table, rows, starts, source) => {
  const { words, codes } = rows.words("kind");
  const code = words.indexOf(kind);
  if (code < 0 || !rows.rows) return null;
  const sums = Object.fromEntries(SUMMED.map((name) => [name, new Float64Array(table.rows)]));
  const owners = new Set();
  for (let owner = 0; owner < table.rows; owner += 1) {
    for (let at = starts[owner]; at < starts[owner + 1]; at += 1) {
      if (codes[at] !== code) continue;
      owners.add(owner);
      for (const name of SUMMED) sums[name][owner] += rows.number(name, at);
    }
  }
  const bytes = (name, title) => ({ name, title, meaning: `${title} memory of kind ${kind}`, width: 112, keys: () => sums[name], show: (row) => size(sums[name][row]) });
  const own = [
    { name: "count", title: "Blocks", meaning: "A stack and its guards count as one", width: 80, keys: () => sums.count, show: (row) => number(sums.count[row]) },
    bytes("reserved_bytes", "Reserved"),
    bytes("committed_bytes", "Committed"),
    { ...bytes("resident_max_bytes", "At most resident"), class: "key", show: (row) => size(sums.resident_max_bytes[row], !known(sums.resident_bytes[row])) },
  ];
  const isHosts = source === "hosts";
  const names = isHosts ? hostColumns().filter((column) => column.head) : processColumns("fleet").filter((column) => ["pid", "comm", "host", "service"].includes(column.name));
  return new Grid({
    id: `${source}-table`,
    label: isHosts ? ["host", "hosts"] : ["process", "processes"],
    caption: `${isHosts ? "Hosts" : "Processes"} with the most ${kind}`,
    columns: [...names, ...own],
    rows: Int32Array.from(owners),
    sort: "-resident_max_bytes",
    prefix: isHosts ? "hosts." : "",
    source,
    table: source,
  });
};
