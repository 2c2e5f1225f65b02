// A table of any length: rows of one height, of which only those in sight are elements.

const ROW_PIXELS = 30; // where a page is drawn nowhere, as in a hidden tab
const OVERSCAN_ROWS = 6;
const ROWS_DRAWN_MAX = 60;
const PRINT_ROWS_MAX = 200;
const LINES_MAX = 3;
const LINE_CHARACTERS = 17;

// The order of rows by a key for each; what is unknown (NaN) stays last in both directions.
const ordered = (rows, keys, sign) =>
  rows.slice().sort((left, right) => {
    const a = keys[left];
    const b = keys[right];
    if (a === b) return left - right;
    if (a !== a) return b !== b ? left - right : 1;
    if (b !== b) return -1;
    return (a < b ? -1 : 1) * sign;
  });

// Which tables are in sight, without asking the browser to lay out the page for it.
const gridsOf = new WeakMap();
const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) gridsOf.get(target).inSight = isIntersecting;
});

// All tables anew: those in sight at once, the others after what is in sight has been painted.
let later = 0;
const updateAll = (grids) => {
  clearTimeout(later);
  for (const grid of grids.filter((each) => each.inSight)) grid.update();
  const others = grids.filter((each) => !each.inSight);
  if (others.length) requestAnimationFrame(() => { later = setTimeout(() => others.forEach((grid) => grid.update())); });
};

class Grid {
  // label: what the rows are, [one, many], and none if there is nothing to say above; prefix: of its names in the address; source: the table whose filter counts
  constructor({ id, label = null, caption, columns, rows, sort, prefix = "", source = null, link: to = null, failed = null, foot = null, table = null, exported = null, tall = false }) {
    Object.assign(this, { id, label, caption, columns, rows, prefix, source, to, failed, foot, table, exported });
    this.initial = sort;
    this.scrolled = 0; // pixels
    this.rowHeight = 0; // not measured yet
    this.current = 0; // place of the row whose links Tab reaches; the arrow keys lead to the others
    this.drawn = new Map(); // by place in the order, the elements in the page
    this.sorted = null;
    this.order = rows;
    this.#build(tall);
    this.inSight = true;
    sight.observe(this.region);
    gridsOf.set(this.region, this);
  }

  #build(tall) {
    this.head = make("tr", { "aria-rowindex": 1 }, this.columns.map((column, at) => this.#heading(column, at)));
    this.body = make("tbody", { on: { focusin: (event) => this.#enter(Number(event.target.closest("tr").getAttribute("aria-rowindex")) - 2) } });
    const cols = this.columns.map((column) => {
      const col = make("col", { class: column.head ? "pinned" : null });
      col.style.setProperty("--width", `${column.width / 13}em`); // of 13 px
      return col;
    });
    this.element = make(
      "table",
      { class: "grid", id: this.id },
      make("caption", { class: "hidden" }, this.caption),
      make("colgroup", {}, cols),
      make("thead", {}, this.head),
      this.body,
      this.foot && make("tfoot", {}, make("tr", { class: "sum" }, this.columns.map((column) => this.#footCell(column)))),
    );
    const longest = this.columns.find((column) => column.head)?.longest ?? 0;
    this.element.style.setProperty("--lines", Math.max(1, Math.min(LINES_MAX, Math.ceil(longest / LINE_CHARACTERS)))); // of names where the screen is narrow
    this.element.style.minWidth = `${this.columns.reduce((sum, column) => sum + column.width, 0) / 13}em`;
    this.sizer = make("div", { class: "sizer" }, this.element);
    this.region = make(
      "div",
      { class: tall ? "scroll tall" : "scroll", role: "region", "aria-label": `Table: ${this.caption}`, "aria-keyshortcuts": "ArrowDown ArrowUp", tabindex: 0, on: { scroll: () => this.#scrolled() } },
      this.sizer,
    );
    this.count = make("span", { class: "soft small count" });
    this.note = make("p", { class: "printed small soft" });
    this.apart = make("p", { class: "small soft", hidden: true }, "The filter does not act on this table.");
    this.box = make("div", { class: "grid-box" }, this.apart, this.label && make("div", { class: "above" }, this.count, (this.table || this.exported) && downloads(this)), this.region, this.note);
  }

  #heading(column, at) {
    const first = at === this.columns.findIndex((each) => each.head);
    const classes = `${column.text ? "t" : ""} ${first ? "pinned" : ""}`.trim();
    if (!column.keys) return make("th", { scope: "col", class: classes, title: column.meaning }, make("span", { class: column.title ? "" : "hidden" }, column.title || column.meaning));
    return make("th", { scope: "col", class: classes, title: column.meaning }, button(column.title, () => this.#sortBy(column)));
  }

  #footCell(column) {
    const said = this.foot(column.name);
    return column.head ? make("th", { scope: "row", class: "t pinned" }, said) : make("td", {}, said ?? "");
  }

  #sortBy(column) {
    const first = column.text || column.ascending ? column.name : `-${column.name}`;
    const second = first === column.name ? `-${column.name}` : column.name;
    route.set(`${this.prefix}sort`, this.sort === first ? second : first);
    route.set(`${this.prefix}at`, "");
    this.toTop();
    this.update();
  }

  get sort() {
    const wanted = route.get(`${this.prefix}sort`);
    return this.columns.some((column) => column.keys && column.name === wanted.replace(/^-/, "")) ? wanted : this.initial;
  }

  // Sorts and filters again, and draws what is in sight.
  update() {
    const { sort } = this;
    if (this.sorted?.by !== sort) {
      const name = sort.replace(/^-/, "");
      const column = this.columns.find((each) => each.name === name);
      const rows = column ? ordered(this.rows, column.keys(), sort.startsWith("-") ? -1 : 1) : this.rows;
      this.sorted = { by: sort, rows: this.failed ? [rows.filter((row) => !this.failed(row)), rows.filter((row) => this.failed(row))] : [rows] };
      this.#mark(name, sort.startsWith("-") ? "descending" : "ascending");
    }
    const bits = this.source && filter.match(route.get("find"))?.[this.source];
    const kept = this.sorted.rows.map((rows) => (bits ? rows.filter((row) => bits[row]) : rows));
    this.order = kept.length === 1 ? kept[0] : Int32Array.from([...kept[0], ...kept[1]]);
    this.element.setAttribute("aria-rowcount", this.order.length + 1);
    this.apart.hidden = Boolean(this.source) || !route.get("find");
    this.#tell(Boolean(bits));
    this.redraw();
  }

  #tell(isFiltered) {
    if (!this.label) return;
    const all = counted(this.rows.length, ...this.label);
    this.count.textContent = isFiltered ? `${number(this.order.length)} of ${all}` : all;
  }

  // Other rows of the same table.
  show(rows) {
    this.rows = rows;
    this.sorted = null;
    this.toTop();
    this.update();
  }

  // The same rows, after what their columns show has changed.
  renew() {
    this.sorted = null;
    this.element.tFoot?.rows[0].replaceChildren(...this.columns.map((column) => this.#footCell(column)));
    this.update();
  }

  #mark(name, direction) {
    this.columns.forEach((column, at) => {
      const heading = this.head.cells[at];
      if (column.name === name) heading.setAttribute("aria-sort", direction);
      else heading.removeAttribute("aria-sort");
    });
  }

  redraw() {
    this.current = 0;
    this.drawn.clear();
    this.body.replaceChildren();
    if (!this.order.length) {
      const said = this.rows.length ? "Nothing here matches the filter." : "There are none.";
      this.body.append(make("tr", { "aria-rowindex": 2 }, make("td", { class: "why", colspan: this.columns.length }, said)));
      this.element.style.marginTop = "";
      this.sizer.style.height = "";
      return;
    }
    if (!this.rowHeight) this.#measure();
    this.sizer.style.height = `${this.headHeight + this.footHeight + this.order.length * this.rowHeight}px`;
    this.look();
  }

  // Heights are asked for once: each question makes the browser lay out the page.
  #measure() {
    this.#draw(0, 1);
    this.rowHeight = this.body.rows[0].getBoundingClientRect().height || ROW_PIXELS;
    this.headHeight = this.element.tHead.getBoundingClientRect().height;
    this.footHeight = this.element.tFoot?.getBoundingClientRect().height ?? 0;
    const most = Number.parseFloat(getComputedStyle(this.region).maxHeight) || innerHeight;
    this.rowsInSight = Math.ceil((most - this.headHeight) / this.rowHeight);
  }

  // After another size of the window or of its letters.
  resize() {
    const { place } = this;
    const isInside = this.body.contains(document.activeElement);
    this.rowHeight = 0;
    this.redraw();
    if (isInside) this.focus(place);
  }

  // To the first row. Where it is there already, the browser is not asked.
  toTop() {
    if (this.scrolled) this.region.scrollTop = 0;
    this.scrolled = 0;
  }

  // Draws the rows in sight; those that were there stay, with the focus that they may have.
  look() {
    if (!this.order.length) return;
    const count = Math.min(Math.max(this.rowsInSight, 1) + 2 * OVERSCAN_ROWS, ROWS_DRAWN_MAX);
    const above = Math.floor(this.scrolled / this.rowHeight) - OVERSCAN_ROWS;
    const first = Math.max(0, Math.min(above, this.order.length - count));
    this.element.style.marginTop = `${first * this.rowHeight}px`;
    this.#draw(first, Math.min(first + count, this.order.length));
  }

  #draw(first, end) {
    for (const [place, row] of this.drawn) {
      if (place >= first && place < end) continue;
      row.remove();
      this.drawn.delete(place);
    }
    let before = this.body.firstChild;
    for (let place = first; place < end; place += 1) {
      if (this.drawn.has(place)) {
        before = this.drawn.get(place).nextSibling;
        continue;
      }
      const row = this.#row(place);
      this.drawn.set(place, row);
      this.body.insertBefore(row, before);
    }
    if (!this.drawn.has(this.current)) this.#enter(Math.min(Math.max(first, Math.ceil(this.scrolled / (this.rowHeight || ROW_PIXELS))), end - 1));
  }

  // Makes a row the one that Tab reaches: so Tab leaves a table of any length after a few steps.
  #enter(place) {
    for (const anchor of this.drawn.get(this.current)?.querySelectorAll("a") ?? []) anchor.tabIndex = -1;
    for (const anchor of this.drawn.get(place)?.querySelectorAll("a") ?? []) anchor.tabIndex = 0;
    this.current = place;
  }

  #row(place) {
    const row = this.order[place];
    const failed = this.failed?.(row);
    const cells = [];
    for (const column of this.columns) {
      if (failed && cells.length === 2) {
        cells.push(make("td", { class: "why", colspan: this.columns.length - 2 }, failed));
        break;
      }
      const shown = column.show(row);
      if (column.head) cells.push(make("th", { scope: "row", class: "name pinned" }, shown));
      else cells.push(make("td", { class: column.class }, shown));
    }
    if (place !== this.current) for (const cell of cells) for (const anchor of cell.querySelectorAll("a")) anchor.tabIndex = -1;
    const isLinked = cells.some((cell) => cell.tagName === "TH" && cell.querySelector("a"));
    return make("tr", { "aria-rowindex": place + 2, class: failed ? "gone" : null, tabindex: isLinked ? null : -1 }, cells);
  }

  #scrolled() {
    this.scrolled = this.region.scrollTop;
    this.look();
    if (this.restoring) return;
    const at = Math.round(this.scrolled / this.rowHeight);
    route.set(`${this.prefix}at`, at ? String(at) : "");
  }

  // Scrolls to where the address says.
  restore() {
    this.restoring = true;
    this.region.scrollTop = Number(route.get(`${this.prefix}at`) || 0) * this.rowHeight;
    this.scrolled = this.region.scrollTop;
    this.look();
    requestAnimationFrame(() => requestAnimationFrame(() => { this.restoring = false; }));
  }

  // The place of the row that has the focus; otherwise of the one before the first in sight.
  get place() {
    const row = this.body.contains(document.activeElement) ? document.activeElement.closest("tr") : null;
    return row ? Number(row.getAttribute("aria-rowindex")) - 2 : Math.ceil(this.scrolled / this.rowHeight) - 1;
  }

  focus(place) {
    if (!this.order.length) return;
    const wanted = Math.max(0, Math.min(place, this.order.length - 1));
    const top = wanted * this.rowHeight;
    const room = this.region.clientHeight - this.headHeight - 2 * this.rowHeight;
    if (top < this.scrolled) this.region.scrollTop = top;
    else if (top > this.scrolled + room) this.region.scrollTop = top - room;
    this.scrolled = this.region.scrollTop;
    this.look();
    const row = this.drawn.get(wanted);
    (row.querySelector("th a") ?? row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  // For print: the first rows as elements, and a word about the rest.
  print() {
    const count = Math.min(this.order.length, PRINT_ROWS_MAX);
    this.element.style.marginTop = "";
    this.sizer.style.height = "";
    this.#draw(0, count);
    const text = this.source ? shortened(route.get("find"), 200) : ""; // the box of the filter is not printed
    const left = count < this.order.length ? `Printed are the first ${number(count)} of ${number(this.order.length)} rows; the download has all of them.` : "";
    this.note.textContent = `${text ? `Filter: ${text}. ` : ""}${left}`;
  }
}
