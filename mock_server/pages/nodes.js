// Makes the page's nodes (elements, links, folds, samples, a little Markdown) from data that is only ever text.

export const entries = (map) => Object.entries(map ?? {});
export const between = (nodes, mark) => nodes.flatMap((node, i) => (i ? [mark, node] : [node]));
export const code = (text) => el("code", {}, String(text));

/** An element: `attributes` holds values, `true` for a bare attribute, a function for a listener; falsy children go. */
export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter(Boolean));
  return node;
}

/** A link where `href` is a web address or a path; plain text where it is anything else (`javascript:`, `data:`). */
export function link(href, ...children) {
  const url = URL.canParse(href, location.href) ? new URL(href, location.href) : null;
  if (!url || !/^https?:$/.test(url.protocol)) return el("span", {}, ...children);
  return el("a", { href, rel: url.origin !== location.origin && "noopener noreferrer" }, ...children);
}

const builders = new WeakMap(); // a <details> never opened → the function that builds what it holds

/** A <details> whose inside is built when it is first opened; a `drawn` event then bubbles from it. */
export function fold(summary, build, attributes = {}, open = false) {
  const toggle = () => node.open && unfold(node);
  const node = el("details", { ...attributes, toggle }, el("summary", {}, summary));
  builders.set(node, build);
  if (open) unfold(node);
  return node;
}

export function unfold(node) {
  const build = builders.get(node);
  builders.delete(node);
  node.open = true;
  if (!build) return;
  node.append(...[build()].flat(Infinity).filter(Boolean));
  node.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
}

/** A button that copies what `read` returns; nothing where the browser has no clipboard for this page. */
export function copyButton(read) {
  if (!navigator.clipboard) return null;
  const say = (text) => { button.textContent = text; };
  const copy = () => {
    const after = () => setTimeout(say, 1500, "Copy");
    navigator.clipboard.writeText(read()).then(() => say("Copied"), () => say("Not copied")).then(after);
  };
  const button = el("button", { type: "button", class: "copy", "aria-live": "polite", click: copy }, "Copy");
  return button;
}

const JSON_TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g;

function coloured(text) {
  const nodes = [];
  let at = 0;
  for (const { 0: whole, 1: quoted, 2: colon, index } of text.matchAll(JSON_TOKEN)) {
    const kind = colon ? "k" : quoted ? "s" : "n";
    nodes.push(text.slice(at, index), el("span", { class: kind }, quoted ?? whole), colon);
    at = index + whole.length;
  }
  return [...nodes, text.slice(at)];
}

/** A block of code: a string as it is, any other value as indented JSON. */
export function sample(value, label = "Example") {
  const plain = typeof value === "string";
  const text = plain ? value : JSON.stringify(value, null, 2);
  const block = { tabindex: 0, role: "region", "aria-label": label };
  const shown = el("code", {}, plain ? text : coloured(text));
  return el("div", { class: "sample" }, copyButton(() => text), el("pre", block, shown));
}

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^\s*][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)|<(https?:[^>\s]+)>/g;

/** One line of Markdown as nodes: code, bold, emphasis and links. */
export function inline(text) {
  const nodes = [];
  let at = 0;
  for (const { 0: whole, 1: mono, 2: bold, 3: emphasis, 4: label, 5: href, 6: url, index } of text.matchAll(INLINE)) {
    nodes.push(text.slice(at, index));
    if (mono) nodes.push(code(mono));
    else if (bold) nodes.push(el("strong", {}, inline(bold)));
    else if (emphasis) nodes.push(el("em", {}, emphasis));
    else nodes.push(label ? link(href, inline(label)) : link(url, url));
    at = index + whole.length;
  }
  return [...nodes, text.slice(at)];
}

const FENCE = /^\s*```/;
const HEADING = /^#{1,6}\s+/;
const ITEM = /^\s*([-*]|\d+[.)])\s+(.*)/;
const TABLE = /^\s*\|.*\|/;

function table([first, ...rest]) {
  const cells = (tag, line, attributes) =>
    line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => el(tag, attributes, inline(cell.trim())));
  const body = rest.filter((line) => !/^[\s|:-]+$/.test(line));
  return el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Table" }, el("table", {},
    el("thead", {}, el("tr", {}, cells("th", first, { scope: "col" }))),
    el("tbody", {}, body.map((line) => el("tr", {}, cells("td", line))))));
}

function list(lines) {
  const items = [];
  for (const line of lines) {
    const found = ITEM.exec(line);
    if (found) items.push(found[2]);
    else items.push(`${items.pop()} ${line.trim()}`);
  }
  return el(/^\s*\d/.test(lines[0]) ? "ol" : "ul", {}, items.map((item) => el("li", {}, inline(item))));
}

/** Blocks of Markdown as nodes: paragraphs, flat lists, headings, tables and fenced code. */
export function markdown(text) {
  const lines = String(text ?? "").split(/\r?\n/);
  const blocks = [];
  const take = (test) => {
    const end = lines.findIndex((line, i) => i > 0 && !test(line));
    return lines.splice(0, end < 0 ? lines.length : end);
  };
  while (lines.length) {
    const [line] = lines;
    if (!line.trim()) lines.shift();
    else if (FENCE.test(line)) {
      blocks.push(sample(take((next) => !FENCE.test(next)).slice(1).join("\n"), "Code"));
      lines.shift();
    } else if (HEADING.test(line)) {
      blocks.push(el("p", { class: "heading" }, inline(lines.shift().replace(HEADING, ""))));
    } else if (TABLE.test(line)) blocks.push(table(take((next) => TABLE.test(next))));
    else if (ITEM.test(line)) blocks.push(list(take((next) => next.trim())));
    else {
      const ends = [FENCE, HEADING, ITEM, TABLE];
      const words = take((next) => next.trim() && !ends.some((end) => end.test(next)));
      blocks.push(el("p", {}, inline(words.map((part) => part.trim()).join(" "))));
    }
  }
  return blocks;
}
