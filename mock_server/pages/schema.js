// Draws a JSON Schema as a tree that folds, with its references resolved and its evidence shown.

import { between, code, el, entries, fold, inline, markdown, unfold } from "./nodes.js";

export const GRADES = new Map([["D", "documented"], ["C", "seen in vendor code"], ["A", "assumed"]]);
let description = {}; // the OpenAPI document that references point into

export function openDescription(document) {
  description = document;
}

/** The id of the section that shows the `kind` (op, schema, security) called `name`. */
export const anchor = (kind, name) => `${kind}-${String(name).replace(/[^\w.-]+/g, "-")}`;

function lookUp(ref) {
  const steps = String(ref).split("/").slice(1).map((step) => decodeURIComponent(step));
  const names = steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return names.reduce((node, name) => (node && Object.hasOwn(node, name) ? node[name] : undefined), description);
}

/** The object behind `$ref` (any number of hops), with what stands beside the reference winning. */
export function deref(node) {
  for (let hops = 0; node?.$ref && hops < 20; hops += 1) {
    const { $ref, ...own } = node;
    node = { ...lookUp($ref), ...own };
  }
  return node ?? {};
}

// ---- evidence

/** The grade that `node` itself states, or "": what a switch governs is an assumption without saying so. */
export function gradeOf(node) {
  const grade = node?.["x-carrot-evidence"];
  if (GRADES.has(grade)) return grade;
  return node?.["x-carrot-switch"] ? "A" : "";
}

/** The grades in `node` and in whatever it refers to, as one string; `inherited` stands for a node without its own. */
export function gradesIn(node, inherited = "") {
  const found = new Set(gradeOf(deref(node)) ? [] : inherited);
  const seen = new Set();
  const visit = (at) => {
    if (!at || typeof at !== "object" || seen.has(at)) return;
    seen.add(at);
    if (gradeOf(at)) found.add(gradeOf(at));
    if (at.$ref) visit(lookUp(at.$ref));
    for (const [key, value] of entries(at)) if (key !== "example" && key !== "examples") visit(value);
  };
  visit(node);
  return [...found].join("");
}

export function badge(node) {
  const grade = gradeOf(node);
  const words = GRADES.get(grade);
  const spoken = el("span", { class: "sr" }, ` (${words})`);
  return grade && el("span", { class: "badge", "data-grade": grade, title: words }, grade, spoken);
}

/** What governs `node`: the switch under which it holds, and the sentence of its error. */
export function notes(node) {
  const setting = ([name, value]) => code(`${name} = ${[value].flat().join(" | ")}`);
  const switches = entries(node["x-carrot-switch"]).map(setting);
  const message = node["x-carrot-message"];
  return [
    switches.length > 0 && el("p", { class: "note switch" }, "Only with the switch ", between(switches, " and "), "."),
    message && el("p", { class: "note" }, "Its error says: ", el("q", {}, inline(String(message)))),
  ];
}

// ---- one schema

const json = (value) => code(JSON.stringify(value));
const many = (n, one, more) => `${n} ${n === 1 ? one : more}`;
const FACTS = {
  const: (value) => ["exactly ", json(value)],
  enum: (values) => ["one of ", between(values.map(json), " ")],
  default: (value) => ["default ", json(value)],
  minimum: (n) => `≥ ${n}`,
  maximum: (n) => `≤ ${n}`,
  exclusiveMinimum: (n) => `> ${n}`,
  exclusiveMaximum: (n) => `< ${n}`,
  multipleOf: (n) => `a multiple of ${n}`,
  minLength: (n) => `at least ${many(n, "character", "characters")}`,
  maxLength: (n) => `at most ${many(n, "character", "characters")}`,
  pattern: (text) => (text.length > 60 ? fold("matches a long pattern", () => code(text)) : ["matches ", code(text)]),
  minItems: (n) => `at least ${many(n, "item", "items")}`,
  maxItems: (n) => `at most ${many(n, "item", "items")}`,
  uniqueItems: () => "no item twice",
  minProperties: (n) => `at least ${many(n, "property", "properties")}`,
  maxProperties: (n) => `at most ${many(n, "property", "properties")}`,
  contentMediaType: (type) => `holds ${type}`,
  readOnly: () => "only in answers",
  writeOnly: () => "only in requests",
  deprecated: () => "deprecated",
};

// A schema with one of these and no type says by it what it takes, and need not say "any value".
const SHAPING = ["allOf", "anyOf", "oneOf", "not", "if", "const", "enum", "required"];
const isFull = (schema) => schema !== null && typeof schema === "object" && Object.keys(schema).length > 0;
const says = (schema) => schema === false || isFull(schema);
const isNothing = (schema) => schema.not && Object.keys(schema.not).every((key) => key.startsWith("x-"));
const isPlain = (schema) => Object.keys(deref(schema)).every((key) => key === "type" || key === "format");

function typeName(raw, nested = false) {
  const schema = deref(raw);
  if (isNothing(schema)) return "not allowed";
  const name = raw.$ref?.startsWith("#/components/schemas/") && raw.$ref.split("/").at(-1);
  const shown = name && el("a", { href: `#${anchor("schema", name)}` }, name);
  if (shown && nested) return shown;
  const types = [schema.type ?? (schema.properties ? "object" : [])].flat();
  if (types.includes("array") && says(schema.items)) {
    const others = types.filter((type) => type !== "array").map((type) => ` or ${type}`);
    return [shown, " array of ", typeName(schema.items, true), others];
  }
  const open = !name && !SHAPING.some((key) => key in schema);
  return [shown, " ", types.join(" or ") || (open && "any value"), schema.format && ` (${schema.format})`];
}

/** The schemas inside `schema`: groups of [heading or nothing, [[label, schema, required], …]]. */
function parts(schema) {
  const own = entries(schema.properties).map(([name, sub]) => [code(name), sub, schema.required?.includes(name)]);
  const add = (label, sub) => says(sub) && own.push([label, sub]);
  for (const [pattern, sub] of entries(schema.patternProperties)) add(["names that match ", code(pattern)], sub);
  add("every name", schema.propertyNames);
  const others = schema.properties ? "any other name" : "each value";
  add(others, schema.additionalProperties);
  add(others, schema.unevaluatedProperties);
  for (const [i, sub] of entries(schema.prefixItems)) add(`item ${Number(i) + 1}`, sub);
  if (says(schema.items) && !isPlain(schema.items)) add("each item", schema.items);
  add("some item", schema.contains);
  if (!isNothing(schema)) add("must not be", schema.not);
  add("if it is", schema.if);
  add("then also", schema.then);
  add("otherwise", schema.else);
  for (const [name, sub] of entries(schema.dependentSchemas)) add(["with ", code(name), " also"], sub);
  const group = (key) => (schema[key] ?? []).map((sub) => [deref(sub).title, sub]);
  const groups = [["", own], ["All of these hold:", group("allOf")], ["At least one of these holds:", group("anyOf")],
    ["Exactly one of these holds:", group("oneOf")]];
  return groups.filter(([, list]) => list.length > 0);
}

function row(label, raw, path, inherited, required = false, open = false) {
  if (typeof raw === "boolean") raw = raw ? {} : { not: {} };
  const schema = deref(raw);
  const loops = path.includes(raw.$ref);
  const head = [label && el("span", { class: "name" }, label), " ", el("span", { class: "type" }, typeName(raw)), " ",
    required && el("span", { class: "required" }, "required"), " ", badge(schema),
    loops && el("span", { class: "hint" }, " (shown above)")];
  const below = raw.$ref ? [...path, raw.$ref] : path;
  return el("div", { class: "row", "data-grades": gradesIn(raw, inherited) },
    el("p", { class: "head" }, head), markdown(schema.description), facts(schema), notes(schema),
    !loops && inside(schema, below, gradeOf(schema) || inherited, open));
}

/** Whether an example fits on the line below its schema. */
export const isShort = (value, schema) => !schema.properties && JSON.stringify(value).length <= 80;

/** What the schema asks of a value, in words: its bounds, the names it needs, a few short examples. */
function facts(schema) {
  const known = entries(FACTS).filter(([key]) => key in schema && schema[key] !== false);
  const listed = schema.properties ?? {};
  const unlisted = (schema.required ?? []).filter((name) => !Object.hasOwn(listed, name));
  const examples = schema.examples ?? ("example" in schema ? [schema.example] : []);
  const short = "const" in schema ? [] : examples.filter((value) => isShort(value, schema)).slice(0, 4);
  return [
    known.length > 0 && el("ul", { class: "facts" }, known.map(([key, say]) => el("li", {}, say(schema[key])))),
    unlisted.length > 0 && el("p", {}, "Needs ", between(unlisted.map(code), " and "), "."),
    entries(schema.dependentRequired).map(([name, list]) =>
      el("p", {}, code(name), " needs ", between(list.map(code), " and "), ".")),
    short.length > 0 && el("p", { class: "such" }, "Such as ", between(short.map(json), ", ")),
  ];
}

function inside(schema, path, grade, open) {
  const groups = parts(schema);
  const rows = (list) => list.map(([label, sub, required]) => row(label, sub, path, grade, required));
  const build = () => groups.map(([heading, list]) => [heading && el("p", { class: "group" }, heading), rows(list)]);
  const fields = Object.keys(schema.properties ?? {}).length;
  const title = fields ? many(fields, "field", "fields") : "Details";
  return groups.length > 0 && fold(title, build, { class: "members" }, open);
}

/** The whole tree of `schema`, its first level open, with a button that opens or closes everything in it. */
export function schemaTree(schema, grade = "") {
  const node = el("div", { class: "tree" }, row("", schema, [], grade, false, true));
  const shut = () => [...node.querySelectorAll("details.members:not([open])")];
  const toggle = () => {
    const opening = shut().length > 0;
    for (let folds = shut(); opening && folds.length; folds = shut()) folds.forEach(unfold);
    if (!opening) node.querySelectorAll("details.members details.members").forEach((inner) => { inner.open = false; });
  };
  const button = el("button", { type: "button", class: "all", click: toggle }, "Open or close all");
  if (node.querySelector("details.members details.members")) node.prepend(button);
  return node;
}
