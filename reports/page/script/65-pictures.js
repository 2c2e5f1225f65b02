// Pictures: SVG made by calls. Each has its figures in a table beside it, and a pattern or a label beside its colour.

const BAR_PIXELS = 120;
const FAMILIES = ["native_heap", "stack", "java", "runtime", "file", "shared", "system", "other"];
const OWN_COLOUR = { heap_main: "main", heap_arena: "arena", heap_mmap: "mmap", heap_allocator: "alloc" };
const MOTIFS = [
  null,
  "M0 8L8 0M-2 2L2 -2M6 10L10 6",
  "M0 4H8",
  "M4 0V8",
  "M0 0L8 8M-2 6L2 10M6 -2L10 2",
  "M2 2h1v1h-1zM6 6h1v1h-1z",
  "M0 4H8M4 0V8",
  "M0 0L8 8M0 8L8 0",
];

const colourOf = (kind) => (Object.hasOwn(OWN_COLOUR, kind) ? OWN_COLOUR[kind] : null) ?? familyOf(kind).replaceAll("_", "-");
// Kinds of a family share its colour, and differ by the pattern over it.
const motifOf = (kind) => {
  if (kind in OWN_COLOUR) return Object.keys(OWN_COLOUR).indexOf(kind);
  return Object.keys(page.facts.kinds).filter((each) => familyOf(each) === familyOf(kind)).indexOf(kind);
};

// The patterns, once in the page; what is drawn later refers to them.
const patterns = () =>
  draw(
    "svg",
    { class: "patterns", width: 0, height: 0, "aria-hidden": "true" },
    draw(
      "defs",
      {},
      Object.keys(page.facts.kinds).map((kind) =>
        draw(
          "pattern",
          { id: `fill-${kind}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" },
          draw("rect", { width: 8, height: 8, class: `fill ${colourOf(kind)}` }),
          MOTIFS[motifOf(kind)] ? draw("path", { d: MOTIFS[motifOf(kind)], class: "motif" }) : null,
        ),
      ),
    ),
  );

const painted = (kind) => (kindFacts(kind) ? `url(#fill-${kind})` : "gray");
const swatch = (kind) => draw("svg", { class: "swatch", width: 11, height: 11, "aria-hidden": "true" }, draw("rect", { width: 11, height: 11, fill: painted(kind) }));
const percent = (part, whole) => `${Math.max(0, Math.min(100, (100 * part) / whole)).toFixed(3)}%`;

// A measure of each row as a bar; the largest of all rows gives the scale.
const greatest = (values) => values.reduce((most, value) => (value > most ? value : most), 0);
const measureBar = (table, name, fillClass) => {
  const values = table.numbers(name);
  const most = greatest(values);
  return {
    name: "",
    title: "",
    meaning: "The figure before, as a bar",
    width: BAR_PIXELS + 12,
    class: "bar",
    show: (row) => barOf([[fillClass, values[row], null]], most),
  };
};

const barOf = (parts, most) => {
  const svg = draw("svg", { width: BAR_PIXELS, height: 10, "aria-hidden": "true" });
  let at = 0;
  for (const [name, value] of parts) {
    if (!(value > 0) || !most) continue;
    const width = Math.max(0.5, (BAR_PIXELS * value) / most);
    svg.append(draw("rect", { class: name, x: at.toFixed(1), width: width.toFixed(1), height: 10 }));
    at += width;
  }
  return svg;
};

// A host's native heap: the length is the measure, its kinds share it in proportion.
const heapBar = () => {
  const { hosts } = page;
  const heap = hosts.numbers("native_heap_resident_max_bytes");
  const most = greatest(heap);
  const kinds = Object.keys(OWN_COLOUR).map((kind) => [kind, hosts.numbers(`${kind}_resident_max_bytes`)]);
  return {
    ...measureBar(hosts, "native_heap_resident_max_bytes", "heap"),
    show: (row) => {
      const whole = kinds.reduce((sum, [, values]) => sum + (values[row] || 0), 0);
      return barOf(kinds.map(([kind, values]) => [kind, whole ? (heap[row] * values[row]) / whole : 0]), most);
    },
  };
};

// The bars of one kind: reserved as an outline, committed pale, at most resident full, on the scale of the whole table.
const kindBars = (kind, { reserved, committed, most }, scale) => {
  const broken = reserved > scale;
  return draw(
    "svg",
    { width: 174, height: 18, "aria-hidden": "true" },
    draw("rect", { class: "reserved", x: 0.5, y: 0.5, width: Math.max(0, Math.min(173, (173 * reserved) / scale)).toFixed(1), height: 17 }),
    draw("rect", { class: "committed", x: 0.5, y: 3, width: ((173 * Math.min(committed || 0, scale)) / scale).toFixed(1), height: 12, fill: painted(kind) }),
    draw("rect", { x: 0.5, y: 3, width: ((173 * Math.min(most || 0, scale)) / scale).toFixed(1), height: 12, fill: painted(kind) }),
    broken ? draw("path", { class: "break", d: "M158 -1l-5 10l5 10M164 -1l-5 10l5 10" }) : null,
  );
};

// Reserved memory is often far larger than what is used: then the scale ends where committed memory is still seen.
const BROKEN_FROM = 8;
const scaleOf = (reserved, committed) => (reserved > BROKEN_FROM * committed && committed > 0 ? committed * 1.25 : Math.max(reserved, committed, 1));

// Stacked bars on one scale: [title, total, [[kind, bytes]], mark of a bound], with a line at what the kernel counts.
const stackedBars = (label, bars, line) => {
  const committed = bars.slice(1).reduce((most, [, total]) => Math.max(most, total || 0), line?.bytes || 0);
  const scale = scaleOf(bars[0][1], committed);
  const rows = bars.map(([title, total, parts, bound], index) => {
    const svg = draw("svg", { class: "stacked", width: "100%", height: 22, "aria-hidden": "true" });
    let at = 0;
    for (const [kind, bytes] of parts) {
      if (!(bytes > 0) || at >= scale) continue;
      const width = Math.min(bytes, scale - at);
      svg.append(
        draw("rect", { x: percent(at, scale), width: percent(width, scale), height: 22, fill: painted(kind), class: "part" }, draw("title", {}, `${kind}: ${size(bytes)}`)),
      );
      at += width;
    }
    if (total > scale * 1.0001) svg.append(draw("svg", { x: "97%", overflow: "visible" }, draw("path", { class: "break", d: "M4 -1l-6 12l6 12M11 -1l-6 12l6 12" })));
    if (line && known(line.bytes) && index > 0) svg.append(draw("rect", { class: "line", x: percent(line.bytes, scale), y: 0, width: 2, height: 22 }));
    return make("div", {}, make("dt", {}, title), make("dd", { class: "drawn" }, svg), make("dd", { class: "amount" }, size(total, bound)));
  });
  const said = [
    bars.some(([, total]) => total > scale * 1.0001) ? `The scale ends at ${size(scale)}; a bar with a double stroke at its end goes on.` : "",
    line && known(line.bytes) ? `The upright line is at ${line.title}: ${size(line.bytes)}.` : "",
  ].filter(Boolean);
  return make("figure", { class: "kinds-picture" }, make("figcaption", { class: "small soft" }, [label, ...said].join(" ")), make("dl", { class: "bars" }, rows));
};

// The address space from low to high. A mapping's width grows with the root of its size; gaps are narrow breaks.
const strip = (rows, chosen) => {
  const { mappings } = page;
  const start = mappings.numbers("start");
  const end = mappings.numbers(END);
  const items = [];
  let before = NaN;
  for (const row of rows) {
    if (known(before) && start[row] > before) items.push({ gap: start[row] - before, width: 1.5 });
    items.push({ row, width: 2 + ((end[row] - start[row]) / 4096) ** 0.25 });
    before = end[row];
  }
  const whole = items.reduce((sum, item) => sum + item.width, 0) || 1;
  const svg = draw("svg", { class: "strip-picture", width: "100%", height: 34, role: "img", "aria-label": `Address space: ${counted(rows.length, "row", "rows")} of mappings from the lowest address to the highest; the table below has each` });
  let at = 0;
  for (const { row, gap, width } of items) {
    const place = { x: percent(at, whole), width: percent(width, whole) };
    if (gap) {
      svg.append(draw("rect", { ...place, y: 15, height: 4, class: "gap" }, draw("title", {}, `gap of ${size(gap)}`)));
    } else {
      const kind = mappings.text("kind", row);
      const dim = chosen && kind !== chosen;
      svg.append(draw("rect", { ...place, y: 2, height: 30, fill: painted(kind), class: dim ? "part dim" : "part" }, draw("title", {}, `${range(row)} ${kind} ${size(end[row] - start[row])}`)));
    }
    at += width;
  }
  return svg;
};

const END = "end_"; // of mappings, the address after the last byte
const hex = (value) => BigInt(value).toString(16).padStart(12, "0");
const range = (row) => `${hex(page.mappings.number("start", row))}-${hex(page.mappings.number(END, row))}`;
