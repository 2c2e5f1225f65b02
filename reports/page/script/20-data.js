// The page's data: tables whose columns stay typed arrays. reports/page/container.py describes the bytes.

const HEAD_BYTES = 8; // "MSP1" and the length of the header

const fromBase64 = (text) => {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
};

const inflated = (packed) => {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
};

// A table. Its columns are decoded when they are first used.
class Table {
  #columns;
  #payload;
  #numbers = new Map();
  #words = new Map();

  constructor(name, rows, columns, payload) {
    this.name = name;
    this.rows = rows;
    this.#columns = columns;
    this.#payload = payload;
  }

  get names() {
    return Object.keys(this.#columns);
  }

  has(name) {
    return name in this.#columns;
  }

  isText(name) {
    return this.#columns[name].type === "text";
  }

  // A column of integers; NaN is unknown. A column that the page does not have is unknown in all rows.
  numbers(name) {
    if (!this.#numbers.has(name)) this.#numbers.set(name, this.#decoded(this.#columns[name]));
    return this.#numbers.get(name);
  }

  number(name, row) {
    return this.numbers(name)[row];
  }

  // A column of texts: the words, and for each row the index of its word.
  words(name) {
    if (!this.#words.has(name)) {
      const column = this.#columns[name] ?? { width: 0, words: [""] };
      this.#words.set(name, { words: column.words, codes: this.#planes(column, new Uint32Array(this.rows)) });
    }
    return this.#words.get(name);
  }

  text(name, row) {
    const { words, codes } = this.words(name);
    return words[codes[row]];
  }

  // Rows that belong together stand together: by the number that each owner has, where those of each start.
  starts(name) {
    const counts = this.numbers(name);
    const starts = new Int32Array(this.rows + 1);
    for (let row = 0; row < this.rows; row += 1) starts[row + 1] = starts[row] + (counts[row] || 0);
    return starts;
  }

  #planes(column, into) {
    for (let plane = 0; plane < column.width; plane += 1) {
      const factor = 256 ** plane;
      const start = column.at + plane * this.rows;
      for (let row = 0; row < this.rows; row += 1) into[row] += this.#payload[start + row] * factor;
    }
    return into;
  }

  #decoded(column) {
    const values = new Float64Array(this.rows);
    if (!column) return values.fill(NaN);
    if (column.width === 0) {
      values.fill(column.value ?? NaN);
    } else {
      this.#planes(column, values);
      for (let row = 0; row < this.rows; row += 1) values[row] = stored(values[row], column);
    }
    // kept as what exceeds other columns; where these are unknown, they count as 0
    for (const name of column.of ?? []) {
      const base = this.numbers(name);
      for (let row = 0; row < this.rows; row += 1) values[row] += base[row] || 0;
    }
    return values;
  }
}

const stored = (number, column) => {
  if (number === 0) return NaN;
  const count = number - 1;
  if (!column.signed) return column.unit * count;
  return column.unit * (count % 2 ? -(count + 1) / 2 : count / 2);
};

// What the whole page is made from: facts, declared columns, tables, and which rows belong to which.
const readPage = async (element) => {
  const bytes = new Uint8Array(await inflated(fromBase64(element.textContent.trim())));
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== "MSP1") throw new Error("the data do not start with MSP1");
  const length = new DataView(bytes.buffer).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(HEAD_BYTES, HEAD_BYTES + length)));
  const payload = bytes.subarray(Math.ceil((HEAD_BYTES + length) / 8) * 8);
  const tables = {};
  for (const name of TABLES) {
    const { rows, columns } = header.tables[name] ?? { rows: 0, columns: {} };
    tables[name] = new Table(name, rows, columns, payload);
  }
  return { facts: header.facts, declared: header.declared, ...tables, ...owners(tables) };
};

const TABLES = ["hosts", "services", "processes", "kinds", "host_kinds", "findings", "mappings", "changes", "groups", "members", "history"];

const owners = ({ hosts, processes, groups }) => {
  const shown = hosts.starts("shown");
  const hostOf = new Int32Array(processes.rows);
  for (let host = 0; host < hosts.rows; host += 1) hostOf.fill(host, shown[host], shown[host + 1]);
  return {
    hostOf,
    processesOf: (host) => [shown[host], shown[host + 1]],
    kindStarts: processes.starts("kinds"),
    hostKindStarts: hosts.starts("kinds"),
    findingStarts: hosts.starts("findings"),
    memberStarts: groups.starts("named"),
    mappingStarts: processes.starts("mappings"),
  };
};

const between = (from, to) => Int32Array.from({ length: to - from }, (_, at) => from + at);
const known = (value) => !Number.isNaN(value);
