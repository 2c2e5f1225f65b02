// Columns of the tables: title, keys to sort by (NaN is unknown), and what a row shows. Widths in pixels of 13 px text.

const headingOf = (table, name) => page.declared[table]?.find((each) => each.name === name) ?? { title: name, meaning: "" };
const NUMBER_SHOWN = { bytes: size, "bytes, signed": growth, count: number };

// A column of numbers as it is declared.
const numeric = (table, name, more = {}) => {
  const { title, meaning, unit, source } = headingOf(table.name, name);
  const show = more.format ?? NUMBER_SHOWN[unit] ?? number;
  return {
    name,
    title,
    meaning: source ? `${meaning} (${source})` : meaning,
    width: 92,
    keys: () => table.numbers(name),
    show: (row) => show(table.number(name, row)),
    ...more,
  };
};

// The upper bound of what is resident of a measure, with the mark of a bound where it is one.
const extentShown = (table, measure, row) => {
  const most = table.number(`${measure}_resident_max_bytes`, row);
  return size(most, !known(table.number(`${measure}_resident_bytes`, row)));
};
const extent = (table, measure, more = {}) =>
  numeric(table, `${measure}_resident_max_bytes`, { width: 114, show: (row) => extentShown(table, measure, row), ...more });

const textKeys = (table, name) => {
  const { words, codes } = table.words(name);
  const order = words.map((_, code) => code).sort((a, b) => (words[a].toLowerCase() < words[b].toLowerCase() ? -1 : 1));
  const ranks = new Float64Array(words.length);
  order.forEach((code, rank) => { ranks[code] = words[code] === "" ? NaN : rank; });
  return Float64Array.from(codes, (code) => ranks[code]);
};

// A column of text; `to` makes the address that a row's text links to.
const textual = (table, name, more = {}) => {
  const { title, meaning } = headingOf(table.name, name);
  let keys = null;
  return {
    name,
    title,
    meaning,
    width: 150,
    text: true,
    class: "name",
    longest: more.head ? longestOf(table, name) : 0,
    keys: () => (keys ??= textKeys(table, name)),
    show: (row) => foreign(table.text(name, row) || DASH, 80),
    ...more,
  };
};

const longestOf = (table, name) => table.words(name).words.reduce((most, word) => Math.max(most, word.length), 0);
// Of a name in characters: where names stand in several lines, they are cut in the middle before a line is.
const nameWidth = () => (innerWidth > 640 ? 80 : 48);

const linked = (href, text, width = nameWidth()) => (text ? link(href, foreign(text, width)) : DASH);
const named = (name, ...tags) => make("div", { class: "named" }, name, tags);

const byLabels = (table) => {
  const least = table.numbers("native_heap_least_bytes");
  const most = table.numbers("native_heap_most_bytes");
  return {
    name: "native_heap_range",
    title: "By labels",
    meaning: "Native heap without its guesses, and with all that can be native heap; empty if these are close",
    width: 178,
    keys: () => most.map((value, row) => value - least[row]),
    show: (row) => span(least[row], most[row], !known(table.number("native_heap_resident_bytes", row))),
  };
};
// As reports.sentence.doubts.is_told: there is a doubtful process, or a range that is told.
const isRanged = () => {
  if (page.facts.totals.doubtful > 0) return true;
  return [page.hosts, page.services].some((table) => {
    const most = table.numbers("native_heap_most_bytes");
    return table.numbers("native_heap_least_bytes").some((least, row) => isWide(least, most[row]));
  });
};
const isCompared = () => Boolean(page.facts.run.compared_with);

const doubtfulTag = (count) => (count > 0 ? tag(`${number(count)} doubtful`, "warn", "processes with doubtful labels") : null);
const processName = (row) => {
  const { processes } = page;
  return named(
    linked(processAddress(row), processes.text("comm", row) || "?", 40),
    processes.text("restarted", row) === "yes" ? tag("restarted") : null,
    processes.text("runtime", row) === "mapsweep probe" ? tag("probe", "soft", "a process of the sweep itself") : null,
    processes.text("evidence", row) === "denied" ? tag("not readable", "warn") : null,
    processes.text("doubtful", row) === "yes" ? tag("doubtful", "warn") : null,
  );
};

const hostAddress = (row) => hostLink(page.hosts.text("name", row));
// In a folder of pages a host has a page of its own.
const hostLink = (name, ...rest) => {
  const files = page.facts.links ?? {};
  const file = Object.hasOwn(files, name) ? files[name] : "";
  return file ? `${file}${address("host", name, ...rest)}` : address("host", name, ...rest);
};
const processAddress = (row) => hostLink(page.hosts.text("name", page.hostOf[row]), String(page.processes.number("pid", row)));
// The page of one host has no services: those of the fleet are in the index of the folder.
const isOfHost = () => page.facts.layout === "host";
const index = () => (isOfHost() ? (document.querySelector("#top a[href^='../']")?.getAttribute("href") ?? "../index.html") : "");
const serviceAddress = (name) => index() + address("service", name);
const kindAddress = (name) => address("kind", name);

const hostColumns = () => {
  const { hosts } = page;
  const heap = hosts.numbers("native_heap_resident_max_bytes");
  const ram = hosts.numbers("mem_total_bytes");
  const ofRam = {
    name: "of_ram",
    title: "of RAM",
    meaning: "Native heap as a share of MemTotal",
    width: 68,
    keys: () => heap.map((value, row) => value / ram[row]),
    show: (row) => share(heap[row], ram[row]),
  };
  return [
    numeric(hosts, "rank", { width: 52, ascending: true }),
    textual(hosts, "name", { width: 264, head: true, show: hostName }),
    extent(hosts, "native_heap", { class: "key" }),
    ...(isCompared() ? [numeric(hosts, "growth_bytes", { show: hostGrowth })] : []),
    ...pastColumns(hosts, "host", "name"),
    ...(isRanged() ? [byLabels(hosts)] : []),
    heapBar(),
    { ...textual(hosts, "largest", { width: 170 }), title: "Largest process", meaning: "The process with the largest native heap", show: largestOf },
    numeric(hosts, "bloat_bytes"),
    ofRam,
    numeric(hosts, "rss_bytes"),
    numeric(hosts, "stacks", { width: 76 }),
    extent(hosts, "stacks"),
    numeric(hosts, "stacks_reserved_bytes", { width: 108 }),
    extent(hosts, "java_heap"),
    numeric(hosts, "arena_heaps", { width: 72 }),
    numeric(hosts, "threads", { width: 80 }),
  ];
};

// Processes that were restarted are not compared: without others that grew this is no 0.
const isOnlyRestarted = (row) => page.hosts.number("restarted", row) > 0 && !page.hosts.number("growth_bytes", row);
const hostGrowth = (row) => (isOnlyRestarted(row) ? "restarted" : growth(page.hosts.number("growth_bytes", row)));

const hostName = (row) => {
  const { hosts } = page;
  return named(
    linked(hostAddress(row), hosts.text("name", row)),
    hosts.text("status", row) === "partial" ? tag("partial", "warn", hosts.text("detail", row)) : null,
    doubtfulTag(hosts.number("doubtful", row)),
  );
};

const largestOf = (row) => {
  const { hosts } = page;
  const pid = hosts.number("largest_pid", row);
  const text = hosts.text("largest", row);
  return text && known(pid) ? link(hostLink(hosts.text("name", row), String(pid)), foreign(text, 36)) : foreign(text || DASH, 36);
};

const stackColumns = () => {
  const { hosts } = page;
  return [
    numeric(hosts, "stack_rank", { width: 66, ascending: true }),
    textual(hosts, "name", { width: 264, head: true, show: hostName }),
    extent(hosts, "stacks", { class: "key" }),
    measureBar(hosts, "stacks_resident_max_bytes", "stacks"),
    numeric(hosts, "stacks", { width: 80 }),
    numeric(hosts, "stacks_committed_bytes"),
    numeric(hosts, "stacks_reserved_bytes", { width: 108 }),
    numeric(hosts, "threads", { width: 80 }),
    { ...textual(hosts, "most_stacks", { width: 220 }), title: "Most stacks", meaning: "The process with the largest stacks" },
  ];
};

const serviceColumns = () => {
  const { services } = page;
  const marked = (name) => (row) => size(services.number(name, row), !known(services.number("native_heap_resident_bytes", row)));
  return [
    textual(services, "service", {
      width: 290,
      head: true,
      show: (row) => {
        const name = services.text("service", row);
        const bloated = services.number("bloated", row);
        return named(
          linked(serviceAddress(name), name),
          bloated > 0 ? tag(`${number(bloated)} bloated`, "warn") : null,
          doubtfulTag(services.number("doubtful", row)),
        );
      },
    }),
    extent(services, "native_heap", { class: "key" }),
    ...(isCompared() ? [numeric(services, "growth_bytes")] : []),
    ...pastColumns(services, "service", "service"),
    numeric(services, "members", { width: 84 }),
    numeric(services, "hosts", { width: 70 }),
    ...(isRanged() ? [byLabels(services)] : []),
    numeric(services, "native_heap_median_bytes", { width: 106, show: marked("native_heap_median_bytes") }),
    numeric(services, "native_heap_max_bytes", { width: 106, show: marked("native_heap_max_bytes") }),
    numeric(services, "peer_excess_bytes"),
    numeric(services, "stacks", { width: 76 }),
    extent(services, "stacks"),
    textual(services, "largest_host", { show: (row) => hostOrDash(services.text("largest_host", row)) }),
  ];
};

const hostOrDash = (name) => (name ? link(hostLink(name), foreign(name, 60)) : DASH);

// `of` is "host", "service" or "fleet": what need not be said in each row.
const processColumns = (of) => {
  const { processes, hosts } = page;
  const hostNames = () => {
    const keys = textKeys(hosts, "name");
    return Float64Array.from(page.hostOf, (host) => keys[host]);
  };
  const hostColumn = {
    ...headingOf("hosts", "name"),
    name: "host",
    width: 210,
    text: true,
    class: "name",
    keys: hostNames,
    show: (row) => link(hostAddress(page.hostOf[row]), foreign(hosts.text("name", page.hostOf[row]), 60)),
  };
  return [
    numeric(processes, "pid", { width: 76, format: String, ascending: true }),
    textual(processes, "comm", { width: 180, head: true, show: processName }),
    extent(processes, "native_heap", { class: "key" }),
    ...(isCompared() ? [numeric(processes, "growth_bytes")] : []),
    measureBar(processes, "native_heap_resident_max_bytes", "heap"),
    ...(of === "host" ? [] : [hostColumn]),
    ...(of === "service" ? [] : [textual(processes, "service", { width: 170, show: (row) => linked(serviceAddress(processes.text("service", row)), processes.text("service", row), 60) })]),
    ...(isRanged() ? [byLabels(processes)] : []),
    numeric(processes, "bloat_bytes"),
    numeric(processes, "rss_bytes"),
    numeric(processes, "stacks", { width: 72 }),
    extent(processes, "stacks"),
    numeric(processes, "stacks_reserved_bytes", { width: 108 }),
    extent(processes, "java_heap"),
    numeric(processes, "arena_heaps", { width: 70 }),
    numeric(processes, "threads", { width: 76 }),
    numeric(processes, "up_min", { width: 110, format: minutes, title: "Up", meaning: "How long the process had been running" }),
  ];
};

// Rows of kinds: of a host, a process, the fleet. `value(name, row)` gives the numbers.
const kindColumns = (source, bars, blocks) => {
  const { kindOf, numbers } = source;
  const words = source.kinds;
  const column = (name, title, meaning, width, show) => ({ name, title, meaning, width, keys: () => numbers(name), show: (row) => show(numbers(name)[row], row) });
  return [
    { name: "kind", title: "Kind", meaning: "What the memory is for", width: 150, head: true, text: true, keys: () => words, show: (row) => named(swatch(kindOf(row)), link(kindAddress(kindOf(row)), kindOf(row))) },
    column("resident_max_bytes", "At most resident", "Rss if smaps was read, otherwise the smaller of committed and RssAnon", 104, (bytes, row) => size(bytes, !known(numbers("resident_bytes")[row]))),
    { name: "picture", title: "", meaning: "Reserved, committed and at most resident on one scale", width: 190, class: "bar", show: bars },
    column("resident_bytes", "Resident", "Rss of smaps; unknown without it", 92, (bytes) => size(bytes)),
    column("committed_bytes", "Committed", "The accessible part", 96, (bytes) => size(bytes)),
    column("reserved_bytes", "Reserved", "Address space, accessible or not", 92, (bytes) => size(bytes)),
    column("count", "Blocks", "A stack and its guards count as one", 72, number),
    ...(blocks ? [column("block_bytes", "Each", "Size of one block, if blocks of equal size are grouped", 84, (bytes) => (bytes ? size(bytes) : ""))] : []),
    { name: "family", title: "Family", meaning: "The group to which the kind belongs", width: 96, text: true, class: "t", show: (row) => familyOf(kindOf(row)) },
  ];
};
const kindFacts = (kind) => (Object.hasOwn(page.facts.kinds, kind) ? page.facts.kinds[kind] : null);
const familyOf = (kind) => kindFacts(kind)?.family ?? "";
