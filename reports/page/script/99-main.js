// Which view is shown, what becomes of it in print, and the start.

let page = null;
let help = null;

const fleet = document.getElementById("fleet");
const top_ = document.getElementById("top");
const view = document.getElementById("view");
const footer = document.querySelector("footer");
const title = document.title;
const shown = { grids: [], fleet: null };

// The tables of the first screen, in the places of those that are there without the script.
const fleetGrids = () => {
  const makers = {
    hosts: () => [hostGrid({ id: "fleet-hosts" })],
    stacks: () => [stackGrid({ id: "fleet-stacks", prefix: "stacks." })],
    services: () => [serviceGrid({ id: "fleet-services", prefix: "services." })],
    fleet_kinds: () => fleetKindParts({ id: "fleet-kinds", prefix: "kinds." }),
  };
  const grids = [];
  for (const place of fleet.querySelectorAll("div.place[data-table]")) {
    const parts = makers[place.dataset.table]?.();
    if (!parts) continue;
    place.replaceWith(...parts.map((part) => (part instanceof Grid ? part.box : part)));
    grids.push(...parts.filter((part) => part instanceof Grid));
  }
  for (const each of fleet.querySelectorAll("section.static")) each.remove();
  return grids;
};

const viewOf = ({ view: name, names }) => {
  if (Object.hasOwn(LISTS, name) && !names.length) {
    const { title: said, make: parts } = LISTS[name];
    if (isEmpty(name)) return null;
    return { title: said, parts: [make("h1", { tabindex: -1 }, said), ...parts()] };
  }
  if (name === "" && isOfHost()) return hostView(page.hosts.text("name", 0));
  if (name === "service" && names.length === 1) return serviceView(names[0]);
  if (name === "host" && names.length === 1) return hostView(names[0]);
  if (name === "host" && names.length === 2) return processView(...names);
  if (name === "kind" && names.length === 1) return kindView(names[0]);
  if (name === "finding" && names.length === 1) return groupView(names[0]);
  if (name === "compare" && !names.length) return compareView();
  return null;
};

const aboutRun = () => {
  const { run } = page.facts;
  const compared = run.compared_with ? `, compared with ${when(run.compared_at)}` : "";
  return make("p", { class: "small soft run" }, `Run ${run.run_id} of ${printable(run.scope)}, ${when(run.started_at)}${compared}. `, link(`${index()}#/`, "All about it"), ". ≤ marks an upper bound, – means unknown.");
};

const nothingAt = (now) => ({
  title: "Nothing here",
  parts: [
    make("h1", { tabindex: -1 }, "Nothing has this address"),
    make("p", {}, "This page has no ", make("code", {}, shortened([now.view, ...now.names].join("/"), 200)), "."),
    make("p", {}, link(`${index()}#/`, "To the fleet")),
  ],
});

const show = (isFirst) => {
  route.read();
  const { now } = route;
  bar.input.value = route.get("find");
  bar.update();
  const isFleet = !now.known || (now.view === "" && !isOfHost());
  fleet.hidden = !isFleet;
  top_.hidden = !isFleet;
  footer.hidden = !isFleet;
  view.hidden = isFleet;
  if (isFleet) {
    shown.fleet ??= fleetGrids();
    shown.grids = shown.fleet;
    view.replaceChildren();
    document.title = title;
  } else {
    const made = viewOf(now) ?? nothingAt(now);
    shown.grids = made.parts.filter((part) => part instanceof Grid);
    view.replaceChildren(...made.parts.filter(Boolean).map((part) => (part instanceof Grid ? part.box : part)), aboutRun());
    document.title = `${printable(made.title)} - mapsweep`;
  }
  for (const grid of shown.grids) {
    grid.update();
    grid.restore();
  }
  place(isFleet, isFirst);
};

// Of the view in sight; it takes the focus, though Tab does not stop at it.
const heading = () => (top_.hidden ? view : top_).querySelector("h1");

// The focus goes to the heading of a new view, and on the way back to the link that was followed.
const place = (isFleet, isFirst) => {
  const from = history.state?.from;
  const anchor = from && [...document.querySelectorAll("main a[href], header a[href]")].find((each) => each.getAttribute("href") === from && each.offsetParent);
  if (anchor) {
    anchor.focus({ preventScroll: true });
    anchor.scrollIntoView({ block: "nearest" });
    return;
  }
  if (!route.now.known || (isFirst && isFleet)) return;
  scrollTo(0, 0);
  heading().focus({ preventScroll: true });
};

const start = () => {
  page.facts.kinds ??= {};
  help = helpDialog();
  bar.build();
  document.body.prepend(document.querySelector(".skip") ?? "", bar.element);
  document.body.append(patterns(), help);
  document.querySelector("#top h1")?.setAttribute("tabindex", "-1");
  for (const each of document.querySelectorAll("button[data-find]")) {
    each.hidden = false;
    each.addEventListener("click", () => {
      bar.input.value = each.dataset.find;
      bar.changed();
      bar.input.focus();
    });
  }
  // Services whose row is not among the first ones, so that without the script no address leads to them.
  for (const each of document.querySelectorAll("[data-service]")) each.replaceWith(serviceOrName(parsed(each.dataset.service).names[0]));
  for (const each of document.querySelectorAll("[data-all]")) each.append(link(address(each.dataset.all), each.dataset.said));
  document.addEventListener("click", rememberLink);
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", () => show(false));
  let resized = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(resized);
    resized = requestAnimationFrame(() => shown.grids.forEach((grid) => grid.resize()));
  });
  addEventListener("beforeprint", () => { for (const grid of shown.grids) grid.print(); });
  addEventListener("afterprint", () => { for (const grid of shown.grids) grid.resize(); });
  addEventListener("pagehide", () => route.timer && route.save());
  show(true);
};

const refuse = (said) => {
  const strip = document.createElement("p");
  strip.className = "strip part";
  strip.textContent = `${said} What stands below is complete in itself; sorting, filters and single processes are missing.`;
  fleet.before(strip);
};

try {
  if (typeof DecompressionStream === "undefined") {
    refuse("This browser cannot unpack the data of this page (DecompressionStream is missing; browsers from 2023 on have it).");
  } else {
    page = await readPage(document.getElementById("data"));
    start();
    performance.mark("mapsweep-ready");
  }
} catch (error) {
  refuse(`The data of this page cannot be read: ${error.message}.`);
  console.error(error);
}
