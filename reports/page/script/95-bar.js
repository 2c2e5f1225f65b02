// The bar above every view: where one can go, the filter, and how much of each it matches.

const VIEWS = [
  ["", "Fleet"],
  ["changes", "Changes"],
  ["findings", "Findings"],
  ["hosts", "Hosts"],
  ["stacks", "Stacks"],
  ["services", "Services"],
  ["processes", "Processes"],
  ["kinds", "Kinds"],
  ["compare", "Compare"],
];
// Views that a run may have nothing for.
const isEmpty = (view) =>
  (view === "changes" && !page.changes.rows && !isCompared()) || (view === "findings" && !page.groups.rows) || (view === "compare" && past.runs.length < 2);
const OF_HOST = [
  ["", "Host"],
  ["processes", "Processes"],
  ["kinds", "Kinds"],
];
const WITHIN = { finding: "findings", host: "hosts", service: "services", kind: "kinds" };

const within = (view) => (isOfHost() && view === "host" ? "" : (WITHIN[view] ?? view));

const bar = {
  build() {
    this.views = (isOfHost() ? OF_HOST : VIEWS).filter(([view]) => !isEmpty(view));
    this.links = this.views.map(([view, title]) => link(address(view), title));
    this.input = make("input", { type: "search", id: "filter", placeholder: "host, service, process ( / )", autocomplete: "off", spellcheck: "false", "aria-describedby": "searched", on: { input: () => this.changed() } });
    this.status = make("span", { id: "shown", role: "status" });
    this.searched = make("span", { id: "searched", class: "soft hidden" }, `Searched: ${searched()}.`);
    this.element = make(
      "div",
      { id: "bar" },
      make("nav", { "aria-label": "Views" }, isOfHost() ? link(index(), "Fleet") : null, this.links),
      make(
        "div",
        { class: "filter", role: "search" },
        make("label", { for: "filter", class: "small soft" }, "Filter"),
        this.input,
        button("?", () => help.showModal(), { "aria-label": "Keys and filter" }),
        make("p", { class: "told small" }, this.status, " ", this.searched),
      ),
    );
  },

  // The filter's text, typed or from the address, to the address and to the tables.
  changed() {
    route.set("find", this.input.value.trim());
    this.update();
    for (const grid of shown.grids) grid.toTop();
    updateAll(shown.grids);
  },

  update() {
    const text = route.get("find");
    const { view } = route.now;
    this.links.forEach((anchor, at) => {
      const [name] = this.views[at];
      if (name === within(view)) anchor.setAttribute("aria-current", name === view ? "page" : "true");
      else anchor.removeAttribute("aria-current");
    });
    const found = filter.match(text);
    this.filterFirst(found);
    this.searched.classList.toggle("hidden", !found);
    if (!found) {
      this.status.replaceChildren();
      return;
    }
    const count = (name, one, many) => link(withState(address(name === "groups" ? "findings" : name), new Map([["find", text]])), `${number(found.counts[name])} of ${counted(page[name].rows, one, many)}`);
    const processes = count("processes", "process", "processes");
    if (isOfHost()) this.status.replaceChildren(processes);
    else this.status.replaceChildren(count("hosts", "host", "hosts"), ", ", count("services", "service", "services"), ", ", processes, ...this.news(count));
    this.status.append(misreadSaid(text));
  },

  // Changes and findings, if there are any.
  news(count) {
    return [["changes", "change", "changes"], ["groups", "finding", "findings"]].flatMap(([name, ...words]) => (page[name].rows ? [", ", count(name, ...words)] : []));
  },

  // What changed and the findings of the first screen; those that are folded away stay.
  filterFirst(found) {
    for (const part of fleet.querySelectorAll("[data-filtered]")) {
      const bits = found?.[part.dataset.filtered];
      const rows = [...part.querySelectorAll("[data-row]")];
      for (const row of rows) row.hidden = Boolean(bits) && !bits[row.dataset.row];
      const left = rows.filter((row) => !row.hidden).length;
      part.querySelector(".filtered")?.remove();
      if (left < rows.length) part.querySelector("h2").after(make("p", { class: "small soft filtered" }, `${number(left)} of the ${number(rows.length)} here match the filter.`));
    }
  },
};
