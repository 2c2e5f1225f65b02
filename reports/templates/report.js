// The page is whole without this script: it adds sorting, a filter, and opens what an address points at.
(() => {
  "use strict";

  const value = (row, column) => {
    const cell = row.cells[column];
    if (!cell) return null;
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    const text = cell.textContent.trim();
    if (cell.classList.contains("t") || cell.classList.contains("name")) return text.toLowerCase();
    const number = Number(text.replaceAll(",", ""));
    return text === "" || Number.isNaN(number) ? null : number;
  };

  const compare = (left, right, sign) => {
    if (left === right) return 0;
    if (left === null || left === "") return 1; // what is unknown stays last in both directions
    if (right === null || right === "") return -1;
    return (left < right ? -1 : 1) * sign;
  };

  const sort = (table, column, direction) => {
    const sign = direction === "ascending" ? 1 : -1;
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const first = new Map(rows.map((row) => [row, [row.classList.contains("gone"), value(row, column)]]));
    rows.sort((a, b) => {
      const [goneA, valueA] = first.get(a);
      const [goneB, valueB] = first.get(b);
      return goneA - goneB || compare(valueA, valueB, sign) || a.dataset.n - b.dataset.n;
    });
    body.append(...rows);
    for (const heading of table.tHead.rows[0].cells) heading.removeAttribute("aria-sort");
    table.tHead.rows[0].cells[column].setAttribute("aria-sort", direction);
  };

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    [...table.tBodies[0].rows].forEach((row, place) => { row.dataset.n = place; });
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      if (!heading.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const text = heading.classList.contains("t") || heading.classList.contains("name");
        const now = heading.getAttribute("aria-sort");
        const start = text || heading.dataset.rank !== undefined ? "ascending" : "descending";
        const other = start === "ascending" ? "descending" : "ascending";
        sort(table, column, now === start ? other : start);
      });
    });
  }

  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  if (filter) {
    document.getElementById("filter-box").hidden = false;
    const rows = [...document.querySelectorAll("tr[data-host]")];
    const sections = [...document.querySelectorAll("details.host")];
    const hosts = document.querySelectorAll("#hosts-table tbody tr");
    filter.addEventListener("input", () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
      for (const section of sections) section.hidden = !section.textContent.toLowerCase().includes(wanted);
      const left = [...hosts].filter((row) => !row.hidden).length;
      shown.textContent = wanted ? `${left} of ${hosts.length} hosts` : "";
    });
    for (const button of document.querySelectorAll("button[data-find]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        filter.value = button.dataset.find;
        filter.dispatchEvent(new Event("input"));
        filter.focus();
      });
    }
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
      event.preventDefault();
      filter.focus();
    });
  }

  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => { for (const each of closed) each.open = false; });
})();
