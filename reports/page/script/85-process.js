// The view of a process: what it is, its kinds with sums that can be checked, its address space and mappings.

const processView = (name, pid) => {
  const { hosts, processes } = page;
  const host = findText(hosts, "name", name);
  if (host < 0) return null;
  const [from, to] = page.processesOf(host);
  const row = between(from, to).find((each) => String(processes.number("pid", each)) === pid);
  const where = crumbs(link(`${index()}#/hosts`, "Hosts"), link(hostAddress(host), foreign(name, 64)));
  if (row === undefined) return notInPage(where, name, pid, host);
  const comm = processes.text("comm", row);
  const kinds = kindSource(page.kinds, between(page.kindStarts[row], page.kindStarts[row + 1]));
  return {
    title: `${printable(comm)} (${pid}) on ${name}`,
    parts: [
      where,
      titled(`${comm} (${pid})`, 120, processes.text("doubtful", row) === "yes" ? tag("doubtful", "warn") : null, processes.text("restarted", row) === "yes" ? tag("restarted") : null),
      processFigures(row),
      make("p", {}, inWords(row)),
      ...changesOf((each) => isOfProcess(each, name, pid), "process"),
      processFacts(row),
      ...section("Findings", groupsOf(name, pid), findingsOf(host, Number(pid))),
      ...section("What its memory is for", kinds.rows.length ? processKinds(row, kinds) : make("p", { class: "soft" }, "The kinds of this process are not in this page.")),
      ...section("Address space", addressSpace(row)),
      ...section("Next", nextCommands(name, pid)),
    ],
  };
};

// A process that a finding or a host names, and that this page does not list.
const notInPage = (where, name, pid, host) => ({
  title: `${pid} on ${name}`,
  parts: [
    where,
    titled(`Process ${pid}`, 120),
    make("p", {}, "This page has no row of this process. What it would show is one command away:"),
    make("p", {}, command("show", `${name}/${pid}`, "--run", page.facts.run.run_id)),
    make("p", { class: "small soft" }, page.facts.commands),
    ...changesOf((each) => isOfProcess(each, name, pid), "process"),
    ...section("Findings", groupsOf(name, pid), findingsOf(host, Number(pid))),
  ],
});

const processFigures = (row) => {
  const { processes } = page;
  const value = (column) => processes.number(column, row);
  const range = span(value("native_heap_least_bytes"), value("native_heap_most_bytes"), !known(value("native_heap_resident_bytes")));
  return make(
    "dl",
    { class: "headline" },
    figure("RSS", size(value("rss_bytes")), `${size(value("rss_anon_bytes"))} of it anonymous, ${size(value("swap_bytes"))} swapped out`, true),
    figure("Native heap", extentShown(processes, "native_heap", row), [range && range !== DASH ? `${range} by its labels` : "", range && range !== DASH && isCompared() ? "; " : "", changedIn(row)]),
    figure("Java heap", extentShown(processes, "java_heap", row), `${size(value("java_heap_committed_bytes"))} committed`),
    figure("Thread stacks", extentShown(processes, "stacks", row), `${counted(value("stacks"), "stack", "stacks")}, ${size(value("stacks_reserved_bytes"))} reserved`),
    figure("Bloat", size(value("bloat_bytes")), "native heap above peers or its own minimum"),
    figure("VSZ", size(value("vm_size_bytes")), counted(value("threads"), "thread", "threads")),
  );
};

const RESTARTS = { yes: "restarted since the run compared with", new: "not in the run compared with" };
const changedIn = (row) => {
  if (!isCompared()) return [];
  const { processes } = page;
  const bytes = processes.number("growth_bytes", row);
  if (known(bytes)) return [make("b", {}, growth(bytes)), ` native heap since ${when(page.facts.run.compared_at)}`];
  return [RESTARTS[processes.text("restarted", row)] ?? "growth is not known"];
};

// One sentence: what its memory is, the largest first.
const inWords = (row) => {
  const { processes } = page;
  const parts = [
    ["native heap", "native_heap"],
    ["Java heap", "java_heap"],
    ["thread stacks", "stacks"],
  ].filter(([, measure]) => processes.number(`${measure}_resident_max_bytes`, row) > 0);
  parts.sort(([, a], [, b]) => processes.number(`${b}_resident_max_bytes`, row) - processes.number(`${a}_resident_max_bytes`, row));
  const said = parts.map(([title, measure]) => `${title} ${extentShown(processes, measure, row)}`);
  const read = processes.text("evidence", row);
  if (read === "denied") return "Its mappings may not be read by this account: what its memory is for is not known.";
  const grew = processes.number("growth_bytes", row);
  const change = known(grew) && grew !== 0 ? ` Its native heap ${grew > 0 ? "grew" : "shrank"} by ${scaled(Math.abs(grew))}.` : "";
  if (!said.length) return `It has no native heap, Java heap or thread stacks.${change}`;
  const sum = parts.reduce((bytes, [, measure]) => bytes + processes.number(`${measure}_resident_max_bytes`, row), 0);
  const rss = processes.number("rss_bytes", row);
  const overlap = sum > rss ? `; these are bounds of each alone, together they are at most the RSS of ${size(rss)}` : "";
  return `Of what is resident: ${said.join(", ")}${overlap}.${change}`;
};

const processFacts = (row) => {
  const { processes } = page;
  const said = (column) => (processes.has(column) && processes.text(column, row) ? foreign(processes.text(column, row), 4000) : "");
  const service = processes.text("service", row);
  const up = processes.number("up_min", row);
  const guess = processes.text("doubtful", row) === "yes" && `${size(processes.number("guessed_bytes", row), processes.text("evidence", row) !== "smaps")} of ${size(processes.number("present_bytes", row))}, most of it ${printable(processes.text("largest_guess", row))}`;
  return described([
    ["Program", said("exe")],
    ["Arguments", said("arguments") && make("code", { class: "arguments", tabindex: 0, role: "region", "aria-label": "Arguments" }, said("arguments"))],
    ["Service", service && link(serviceAddress(service), foreign(service, 200))],
    ["Unit", said("unit")],
    ["Container", said("container")],
    ["Runtime", said("runtime")],
    ["Up", known(up) ? minutes(up) : ""],
    ["Read", said("evidence")],
    ["Trouble", said("trouble")],
    ["Guessed", guess || ""],
  ]);
};

const processKinds = (row, kinds) => {
  const { processes } = page;
  const rss = processes.number("rss_bytes", row);
  return [
    ...kindPicture(kinds, { title: "RSS", bytes: rss }),
    kindGrid("Kinds of memory of the process", kinds, true, { prefix: "kinds." }),
    make("ul", { class: "small soft check" }, checks(row, sumsOf(kinds)).map((said) => make("li", {}, said))),
  ];
};

// What adds up to what the kernel counts, and what is only a bound.
const checks = (row, sums) => {
  const { processes } = page;
  const against = (title, sum, counter, bytes) => {
    if (!known(bytes)) return `${title} adds up to ${size(sum)}; ${counter} is not known.`;
    const apart = Math.abs(sum - bytes);
    return apart ? `${title} adds up to ${size(sum)}; ${counter} is ${size(bytes)}, ${size(apart)} ${sum < bytes ? "more" : "less"}.` : `${title} adds up to ${size(sum)}, which is ${counter}.`;
  };
  const rss = processes.number("rss_bytes", row);
  const said = [against("Reserved", sums.reserved_bytes, "VSZ (VmSize)", processes.number("vm_size_bytes", row))];
  if (known(sums.resident_bytes)) {
    said.push(`${against("Resident", sums.resident_bytes, "RSS (VmRSS)", rss)} The two were read one after the other, so a running process shows a small difference.`);
  } else {
    said.push(`At most resident is a bound for each kind alone. The bounds add up to ${size(sums.resident_max_bytes)}; all of it together cannot be more than RSS, ${size(rss)}, and without smaps nothing tells how RSS is divided.`);
  }
  return said;
};

const mappingColumns = () => {
  const { mappings } = page;
  const plain = (name, title, meaning, width, shown) => ({
    ...(mappings.isText(name) ? textual(mappings, name) : numeric(mappings, name)),
    title,
    meaning,
    width,
    ...shown,
  });
  return [
    { name: "start", title: "Range", meaning: "First address, and the one after the last", width: 230, head: true, text: true, keys: () => mappings.numbers("start"), show: (row) => make("code", {}, range(row)) },
    plain("kind", "Kind", "What the memory is for", 150, { show: (row) => named(swatch(mappings.text("kind", row)), link(kindAddress(mappings.text("kind", row)), mappings.text("kind", row))) }),
    plain("reserved_bytes", "Reserved", "Address space, accessible or not, without gaps between equal blocks", 92, { show: (row) => size(mappings.number("reserved_bytes", row)) }),
    plain("committed_bytes", "Committed", "The accessible part", 92, { show: (row) => size(mappings.number("committed_bytes", row)) }),
    plain("resident_bytes", "Resident", "Rss of smaps; unknown without it", 88, { show: (row) => size(mappings.number("resident_bytes", row)) }),
    plain("count", "Blocks", "Equal blocks one after another are one row", 72, {}),
    plain("perms", "Access", "Permissions, of the accessible memory first", 92, { class: "t mono" }),
    plain("rule", "Rule", "The rule that decided", 180, {}),
    plain("confidence", "How sure", "How sure the rule is", 84, {}),
    plain("name", "Name", "As the kernel gives it", 320, {}),
  ];
};

const addressSpace = (row) => {
  const { mappings } = page;
  const rows = between(page.mappingStarts[row], page.mappingStarts[row + 1]);
  if (!rows.length) return make("p", { class: "soft" }, "The mappings of this process are not in this page.");
  const all = rows.slice().sort((a, b) => mappings.number("start", a) - mappings.number("start", b));
  const kinds = [...new Set(Array.from(all, (each) => mappings.text("kind", each)))];
  const chosen = kinds.includes(route.get("kind")) ? route.get("kind") : "";
  const of = (kind) => (kind ? all.filter((each) => mappings.text("kind", each) === kind) : all);
  const grid = new Grid({ id: "mappings-table", label: ["row", "rows"], caption: "Mappings of the process", columns: mappingColumns(), rows: of(chosen), sort: "start", prefix: "mappings.", table: "mappings" });
  const picture = make("div", {}, strip(all, chosen));
  const chips = make("div", { class: "chips", role: "group", "aria-label": "Show only mappings of a kind" });
  const choose = (kind) => {
    route.set("kind", kind);
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.value === kind));
    picture.replaceChildren(strip(all, kind));
    grid.show(of(kind));
  };
  chips.append(...["", ...kinds].map((kind) => button([], () => choose(kind === route.get("kind") ? "" : kind), { value: kind, "aria-pressed": String(kind === chosen) })));
  for (const chip of chips.children) chip.append(...(chip.value ? [swatch(chip.value), ` ${chip.value}`] : ["all kinds"]));
  return [
    picture,
    make("p", { class: "small soft" }, "From the lowest address to the highest. Widths grow with the fourth root of the size, gaps are thin lines."),
    chips,
    grid,
  ];
};

const nextCommands = (name, pid) => {
  const run = ["--run", page.facts.run.run_id];
  return [make(
    "ul",
    { class: "commands" },
    make("li", {}, command("show", `${name}/${pid}`, ...run), " shows all of it in a terminal"),
    make("li", {}, command("show", `${name}/${pid}`, "--mappings", "--why", ...run), " says of each mapping which rule decided, and what lost to it"),
  ), make("p", { class: "small soft" }, page.facts.commands)];
};
