// Keys, beside Tab and Enter: they act on the table that has the focus, otherwise on the view's first.

const isTyping = (target) => /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

const gridOf = (target) => shown.grids.find((grid) => grid.region.contains(target)) ?? shown.grids.find((grid) => grid.order.length);

const step = (event, rows) => {
  const grid = gridOf(event.target);
  if (!grid) return;
  event.preventDefault();
  grid.focus(grid.place + rows);
};

const KEYS = {
  "/": (event) => {
    event.preventDefault();
    bar.input.focus();
    bar.input.select();
  },
  j: (event) => step(event, 1),
  k: (event) => step(event, -1),
  u: () => follow(upFrom(route.now)),
  "?": () => help.showModal(),
};

// One level up: from a process to its host, from all else to the fleet.
const upFrom = ({ view, names }) => (view === "host" && names.length > 1 ? address("host", names[0]) : "#/");

const follow = (href) => {
  if (href === location.hash) return;
  route.save();
  location.hash = href;
};

const onKey = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  if (event.key === "Escape" && event.target === bar.input) {
    event.preventDefault();
    bar.input.value = "";
    bar.changed();
    heading().focus({ preventScroll: true }); // so that the other keys work at once
    return;
  }
  if (event.key === "Enter" && event.target === bar.input) shown.grids.find((grid) => grid.order.length)?.focus(0);
  if (isTyping(event.target)) return;
  const inRow = event.target.closest("tbody tr[aria-rowindex]");
  if (inRow && event.key === "ArrowDown") step(event, 1);
  else if (inRow && event.key === "ArrowUp") step(event, -1);
  else if (event.key === "Enter" && inRow === event.target) inRow.querySelector("a")?.click();
  else if (Object.hasOwn(KEYS, event.key)) KEYS[event.key](event);
};

const helpDialog = () => {
  const line = (key, said) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, said)];
  const dialog = make(
    "dialog",
    { id: "help", "aria-labelledby": "help-head" },
    make("h2", { id: "help-head", tabindex: -1 }, "Keys and filter"),
    make(
      "dl",
      { class: "about" },
      line("/", "go to the filter; Esc empties and leaves it, Enter goes to the first row"),
      line("j  k", "next and previous row; in a table also the arrow keys, as Tab stops at one row of each"),
      line("Enter", "open the row"),
      line("u", "one level up"),
      line("?", "this help; Esc closes it"),
    ),
    make("p", {}, `The filter searches ${searched()}. A host or a service is shown if it matches, or one of its processes does. All words must match; "words in quotes" are one.`),
    make("p", {}, `${Object.keys(MEASURES).join(", ")} can be compared: native>500M growth>0. kind:heap_arena finds what has memory of that kind; is:doubtful and is:restarted what is marked so.`),
    make("p", {}, "≤ marks an upper bound. – means unknown, never 0. The address holds the view, the filter, the sort and the place: copied, it shows the same."),
    button("Close", () => dialog.close()),
  );
  return dialog;
};

// What the filter looks at, in this page.
const searched = () => {
  const { rows } = page.processes;
  const { sent } = page.facts.totals;
  const { shown: told = rows, of = rows } = page.facts.detail.arguments ?? {};
  const some = told < of ? ` (${number(told)} have them here)` : "";
  const absent = sent > rows ? `; ${number(sent - rows)} other processes are not in this page` : "";
  return `hosts (name, labels, system, state), services, processes (name, program, unit, container, arguments${some}), changes and findings${absent}`;
};
