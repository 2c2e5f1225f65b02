// One filter over hosts, services and processes. A host or a service is shown if it matches, or one of its processes.

const FIELDS = {
  hosts: ["name", "labels", "status", "stage", "reason", "detail", "os_name", "kernel", "largest", "most_stacks", "most_guessed"],
  services: ["service"],
  changes: ["change", "host", "service", "comm", "kind", "reason", "owner"],
  groups: ["standing", "severity", "code", "service", "kind", "title", "owner", "mute_reason"],
  processes: ["comm", "exe", "service", "arguments", "unit", "container", "runtime", "evidence", "trouble"],
};
const OF_ITS_HOST = ["name", "labels"]; // words of a process too
const MEASURES = {
  native: "native_heap_resident_max_bytes",
  growth: "growth_bytes",
  bloat: "bloat_bytes",
  rss: "rss_bytes",
  swap: "swap_bytes",
  stacks: "stacks",
  java: "java_heap_resident_max_bytes",
  arenas: "arena_heaps",
  threads: "threads",
  guessed: "guessed_bytes",
};
const OF_CHANGES = { growth_bytes: "change_bytes" }; // their column of a measure
const FILTERED = ["hosts", "services", "processes", "changes", "groups"];
const COMPARISON = /^([a-z]+)(<=|>=|<|>)(-?\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/;
const SCALE = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const COMPARE = { "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b };

const filter = {
  text: null,
  lowered: new Map(), // of a column of texts, its words in lower case
  found: null, // of each table the rows that match, and how many

  // The rows of each table that match a text, as bits, and their counts.
  match(text) {
    if (this.text !== text) {
      this.found = matched(termsOf(text));
      this.text = text;
    }
    return this.found;
  },
};

// Words in lower case; what stands in double quotes is one word.
const termsOf = (text) => {
  const terms = [];
  for (const [whole, quoted] of text.toLowerCase().matchAll(/"([^"]*)"?|\S+/g)) {
    const term = quoted ?? whole;
    if (term) terms.push(quoted === undefined ? termOf(term) : { text: term });
  }
  return terms;
};

const termOf = (text) => {
  const [, name, sign, amount, unit] = text.match(COMPARISON) ?? [];
  if (Object.hasOwn(MEASURES, name ?? "")) return { column: MEASURES[name], compare: COMPARE[sign], amount: amount * SCALE[unit] };
  if (text.startsWith("kind:")) return { kind: text.slice(5), misread: kindFacts(text.slice(5)) ? "" : text };
  if (text === "is:doubtful") return { doubtful: true };
  if (text === "is:restarted") return { restarted: true };
  return { text, misread: /[<>]|^is:/.test(text) ? text : "" };
};

// Words that look like an amount, a mark or a kind and are none; they find nothing, or what they are as text.
const misreadSaid = (text) => {
  const odd = termsOf(text).map((term) => term.misread).filter(Boolean);
  return odd.length ? `. No amount, mark or kind of this run: ${odd.slice(0, 3).map((word) => shortened(word, 40)).join(" ")} (? says how they are written)` : "";
};

const matched = (terms) => {
  if (!terms.length) return null;
  const bits = {};
  for (const name of FILTERED) bits[name] = new Uint8Array(page[name].rows).fill(1);
  for (const term of terms) {
    const processes = bitsOf(page.processes, term);
    if (term.text) {
      const hosts = bitsOf(page.hosts, term, OF_ITS_HOST);
      for (let row = 0; row < processes.length; row += 1) processes[row] |= hosts[page.hostOf[row]];
    }
    keep(bits.hosts, bitsOf(page.hosts, term));
    keep(bits.processes, processes);
    for (const name of ["services", "changes"]) keep(bits[name], bitsOf(page[name], term));
    keep(bits.groups, ofGroups(term));
  }
  const serviceOf = servicesOfProcesses();
  for (let row = 0; row < bits.processes.length; row += 1) {
    if (!bits.processes[row]) continue;
    bits.hosts[page.hostOf[row]] = 1;
    if (serviceOf[row] >= 0) bits.services[serviceOf[row]] = 1;
  }
  const counts = {};
  for (const [name, each] of Object.entries(bits)) counts[name] = each.reduce((sum, bit) => sum + bit, 0);
  return { ...bits, history: ofHistory(bits, terms), counts };
};

// A finding matches by the processes that it names too.
const ofGroups = (term) => {
  const bits = bitsOf(page.groups, term);
  if (!term.text) return bits;
  const members = bitsOf(page.members, term, ["host", "comm"]);
  for (let row = 0; row < bits.length; row += 1) {
    for (let at = page.memberStarts[row]; at < page.memberStarts[row + 1]; at += 1) bits[row] |= members[at];
  }
  return bits;
};

// Of the last runs a row matches as its host or service does; by its own name where this run has neither.
const ofHistory = (bits, terms) => {
  const { hosts, services } = page.facts.history;
  const found = new Uint8Array(page.history.rows);
  found.set(bits.hosts.subarray(0, hosts));
  found.set(bits.services.subarray(0, services), hosts);
  for (let row = hosts + services; row < found.length; row += 1) {
    const name = page.history.text("name", row).toLowerCase();
    found[row] = terms.every((term) => term.text !== undefined && name.includes(term.text)) ? 1 : 0;
  }
  return found;
};

const keep = (bits, others) => {
  for (let row = 0; row < bits.length; row += 1) bits[row] &= others[row];
};

const bitsOf = (table, term, fields = FIELDS[table.name]) => {
  const bits = new Uint8Array(table.rows);
  if (term.text) {
    for (const name of fields) if (table.has(name)) addWords(bits, table, name, (word) => word.includes(term.text));
  } else if (term.kind !== undefined) {
    addKinds(bits, table, term.kind);
  } else if (term.column) {
    const values = table.numbers((table.name === "changes" && OF_CHANGES[term.column]) || term.column);
    for (let row = 0; row < bits.length; row += 1) bits[row] = term.compare(values[row], term.amount) ? 1 : 0;
  } else if (term.restarted) {
    if (table.name === "processes") addWords(bits, table, "restarted", (word) => word === "yes");
    if (table.name === "changes") addWords(bits, table, "change", (word) => word === "restarted");
  } else if (!table.has("doubtful")) {
    return bits;
  } else if (table.isText("doubtful")) {
    addWords(bits, table, "doubtful", (word) => word === "yes");
  } else {
    table.numbers("doubtful").forEach((count, row) => { bits[row] = count > 0 ? 1 : 0; });
  }
  return bits;
};

// Each distinct word is looked at once; the rows follow by the index of their word.
const addWords = (bits, table, name, fits) => {
  const { words, codes } = table.words(name);
  const key = `${table.name}.${name}`;
  if (!filter.lowered.has(key)) filter.lowered.set(key, words.map((word) => word.toLowerCase()));
  const hits = filter.lowered.get(key).map(fits);
  if (!hits.includes(true)) return;
  const flags = Uint8Array.from(hits);
  for (let row = 0; row < bits.length; row += 1) bits[row] |= flags[codes[row]];
};

const addKinds = (bits, table, kind) => {
  if (table.has("kind")) addWords(bits, table, "kind", (word) => word === kind);
  const [rows, starts] = { hosts: [page.host_kinds, page.hostKindStarts], processes: [page.kinds, page.kindStarts] }[table.name] ?? [];
  if (!rows) return;
  const { words, codes } = rows.words("kind");
  const code = words.indexOf(kind);
  for (let row = 0; row < bits.length; row += 1) {
    for (let at = starts[row]; at < starts[row + 1]; at += 1) if (codes[at] === code) bits[row] = 1;
  }
};

let serviceRows = null;
// Of each process the row of its service; -1 for none.
const servicesOfProcesses = () => {
  if (!serviceRows) {
    const own = page.services.words("service");
    const rowOf = new Map();
    for (let row = 0; row < page.services.rows; row += 1) rowOf.set(own.words[own.codes[row]], row);
    const { words, codes } = page.processes.words("service");
    const rows = words.map((word) => rowOf.get(word) ?? -1);
    serviceRows = Int32Array.from(codes, (code) => rows[code]);
  }
  return serviceRows;
};
