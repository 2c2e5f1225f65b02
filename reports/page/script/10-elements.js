// Elements are made by calls, and what a host sent goes in as text only: no name can become markup.

const SVG = "http://www.w3.org/2000/svg";

const fill = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
};

const make = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const draw = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

// As reports.text.plain.printable: control, format and unassigned characters are written out.
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;
const writtenOut = (character) => {
  const code = character.codePointAt(0);
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
};
const printable = (text) => (/^[\x20-\x7e]*$/.test(text) ? text : text.replace(UNPRINTABLE, writtenOut));

const shortened = (text, width) => {
  const shown = printable(text);
  if (shown.length <= width) return shown;
  const head = Math.ceil((width - 3) / 2);
  return `${shown.slice(0, head)}...${shown.slice(shown.length - (width - 3 - head))}`;
};

// A name that a host chose: its direction must not touch the text around it.
const foreign = (text, width = 400) => {
  const shown = shortened(text, width);
  return make("bdi", { title: shown === text && text.length < 20 ? null : printable(text).slice(0, 4096) }, shown);
};
// A sentence whose amounts no end of a line may part, as reports.templating has it.
const AMOUNT = /((?:≤|<=|at most|at least) [\d.,]*\d(?: (?:[KMGTPE]i)?B\b)?|[+-]?\d[\d.,]* (?:[KMGTPE]i)?B\b)/;
const unbroken = (text) => text.split(AMOUNT).map((part, at) => (at % 2 ? make("i", {}, part) : part));
const tag = (text, tone = "soft", title = null) => make("span", { class: `tag ${tone}`, title }, text);
const link = (href, ...children) => make("a", { href }, ...children);
const button = (text, act, attributes = {}) => make("button", { type: "button", ...attributes, on: { click: act } }, text);
const described = (pairs) =>
  make(
    "dl",
    { class: "about" },
    pairs.filter(([, said]) => said !== "" && said !== null).map(([title, said]) => [make("dt", {}, title), make("dd", {}, said)]),
  );
const figure = (title, value, under = [], first = false) =>
  make(
    "div",
    { class: first ? "figure first" : "figure" },
    make("dt", {}, title),
    make("dd", {}, value),
    make("dd", { class: "under" }, under),
  );
