// Downloads of what a table shows: the rows that the filter left, in their order, with all columns that the page has.

const FORMULA = /^\s*[=+\-@\t\r]/;
const CONTROL = /[\x00-\x1f\x7f-\x9f]/g;

// As reports/formats/render_csv.py: no cell is a formula, and a cell is one line.
const csvCell = (value) => {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const written = value.replace(CONTROL, (each) => `\\x${each.charCodeAt(0).toString(16).padStart(2, "0")}`);
  const safe = FORMULA.test(value) ? `'${written}` : written;
  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

// Names and how to read a row's values, of a table of the page.
const exported = (name) => {
  const table = page[name];
  const declared = page.declared[name]?.map((column) => column.name) ?? table.names;
  const names = declared.filter((each) => table.has(each));
  const readers = names.map((each) => {
    if (table.isText(each)) return (row) => table.text(each, row);
    const values = table.numbers(each);
    return (row) => (known(values[row]) ? values[row] : null);
  });
  if (name !== "processes") return { names: names.map((each) => (each === END ? "end" : each)), readers };
  return { names: ["host", ...names], readers: [(row) => page.hosts.text("name", page.hostOf[row]), ...readers] };
};

const exportedOf = (grid) => grid.exported?.() ?? exported(grid.table);

const csvOf = (grid) => {
  const { names, readers } = exportedOf(grid);
  const lines = [names.join(",")];
  for (const row of grid.order) lines.push(readers.map((read) => csvCell(read(row))).join(","));
  return `${lines.join("\n")}\n`;
};

const jsonOf = (grid) => {
  const { names, readers } = exportedOf(grid);
  const objects = Array.from(grid.order, (row) => JSON.stringify(Object.fromEntries(names.map((each, at) => [each, readers[at](row)]))));
  const head = JSON.stringify({ run_id: page.facts.run.run_id, table: grid.table ?? grid.id, filter: route.get("find") });
  return `${head.slice(0, -1)},"rows":[\n${objects.join(",\n")}\n]}\n`;
};

const save = (text, type, file) => {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const anchor = make("a", { href: url, download: file });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
};

const downloads = (grid) => {
  const file = `${page.facts.run.run_id}-${grid.id}`;
  const label = (format) => `Download ${grid.label[1]} as ${format}: ${grid.caption}`;
  return make(
    "span",
    { class: "downloads" },
    button("CSV", () => save(csvOf(grid), "text/csv", `${file}.csv`), { "aria-label": label("CSV") }),
    button("JSON", () => save(jsonOf(grid), "application/json", `${file}.json`), { "aria-label": label("JSON") }),
  );
};
