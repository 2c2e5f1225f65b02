// Where the reader is: #/VIEW/NAME/PID?find=TEXT&sort=-COLUMN&at=ROW. All of what is shown follows from it.

const SAVE_MS = 300; // browsers refuse many changes of the address in a short time

const decoded = (part) => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

const parsed = (hash) => {
  const [path, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const parts = path.split("/").slice(1).map(decoded);
  const state = new Map();
  for (const pair of query.split("&").filter(Boolean)) {
    const [name, value = ""] = pair.split(/=(.*)/s);
    state.set(decoded(name), decoded(value));
  }
  return { view: parts[0] ?? "", names: parts.slice(1), known: path === "" || path.startsWith("/"), state };
};

const address = (...parts) => `#/${parts.map((part) => encodeURIComponent(part)).join("/")}`;
const withState = (href, state) => {
  const said = [...state].filter(([, value]) => value !== "").map((pair) => pair.map(encodeURIComponent).join("="));
  return said.length ? `${href}?${said.join("&")}` : href;
};

const route = {
  now: parsed(location.hash),
  hash: location.hash, // of which `now` is
  timer: 0,

  // Reads the address again, after a link or Back.
  read() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.hash = location.hash;
    this.now = parsed(this.hash);
  },

  get(name) {
    return this.now.state.get(name) ?? "";
  },

  // A sort, a filter or a place changes the address in place: it is no step that Back would undo.
  set(name, value) {
    if (this.get(name) === value) return;
    this.now.state.set(name, value);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_MS);
  },

  save(remember = history.state) {
    clearTimeout(this.timer);
    this.timer = 0;
    if (location.hash !== this.hash) return; // the reader is on the way to another address, which is read next
    const { view, names, known: isKnown, state } = this.now;
    const path = isKnown ? address(...[view, ...names]) : location.hash.split("?")[0];
    history.replaceState(remember, "", withState(path, state));
    this.hash = location.hash;
  },
};

// Before a link is followed, what it was is kept with the address that is left, so that Back returns to it.
const rememberLink = (event) => {
  const anchor = event.target.closest?.("a[href^='#/']");
  if (anchor) route.save({ from: anchor.getAttribute("href") });
};
