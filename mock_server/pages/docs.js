// Draws the reference page: fetches one of this server's OpenAPI descriptions, lays it out, filters it.

import { between, code, copyButton, el, entries, fold, inline, link, markdown, sample, unfold } from "./nodes.js";
import { GRADES, anchor, badge, deref, gradeOf, gradesIn, isShort } from "./schema.js";
import { notes, openDescription, schemaTree } from "./schema.js";

const DESCRIPTIONS = new Map([["carrot", "/openapi.json"], ["control", "/_mock/openapi.json"]]);
const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const $ = (id) => document.getElementById(id);
const sections = []; // {node, entry (its line in the contents), words}: what the filter shows and hides
let spec = {};

const here = (kind, name, ...children) => el("a", { href: `#${anchor(kind, name)}` }, ...children);
const permalink = (kind, name) => here(kind, name, el("span", { class: "sr" }, `Link to ${name}`), "#");
const method = (name) => el("span", { class: "method", "data-method": name }, name.toUpperCase());
const required = (item) => item.required && el("span", { class: "required" }, "required");
const named = (map) => entries(map).map(([name, raw]) => [name, deref(raw)]);

/** A section for `source`, known to the filter; `line` is what the contents say about it. */
function section(kind, name, source, title, line, ...children) {
  const attributes = { id: anchor(kind, name), class: kind, "data-grades": gradesIn(source) };
  const node = el("section", attributes, title, ...children);
  const words = `${name} ${title.textContent} ${JSON.stringify(source)}`.toLowerCase();
  sections.push({ node, entry: el("li", {}, line), words });
  return node;
}

// ---- the parts of an operation

function examplesOf(media, type = "") {
  const all = named(media.examples);
  if ("example" in media) all.unshift(["Example", { value: media.example }]);
  const isForm = type === "application/x-www-form-urlencoded";
  const form = (value) => (isForm && Object(value) === value ? String(new URLSearchParams(value)) : value);
  return all.map(([name, { summary, description, value, externalValue }], i) => {
    const build = () => [markdown(description), sample(form(value ?? externalValue ?? ""), summary ?? name)];
    return fold(summary ?? name, build, { class: "example" }, i === 0);
  });
}

function content(map, grade) {
  return entries(map).map(([type, media]) => el("div", { class: "media" },
    el("p", { class: "mediatype" }, code(type)),
    el("div", { class: "pair" },
      media.schema && schemaTree(media.schema, grade),
      el("div", { class: "examples" }, examplesOf(media, type)))));
}

/** A parameter or a header, in a box of its own. */
function box(name, raw, grade, where) {
  const item = deref(raw);
  const place = where && el("span", { class: "type" }, `in ${where}`);
  const short = "example" in item && Object(item.example) !== item.example;
  const schema = short ? { ...item.schema, examples: [item.example] } : item.schema;
  return el("div", { class: "named", "data-grades": gradesIn(raw, grade) },
    el("p", { class: "head" }, code(name), " ", place, " ", required(item), " ", badge(item)),
    markdown(item.description), notes(item),
    schema && schemaTree(schema, gradeOf(item) || grade), !short && examplesOf(item));
}

function follows([name, to]) {
  const target = to.operationId ?? to.operationRef;
  const given = entries(to.parameters);
  if (to.requestBody !== undefined) given.push(["body", to.requestBody]);
  const say = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  const values = given.map(([key, value]) => code(`${key} = ${say(value)}`));
  return el("li", {}, el("strong", {}, name), " → ", here("op", target, code(target)),
    values.length > 0 && [" with ", between(values, ", ")], markdown(to.description));
}

function response(status, raw, inherited) {
  const answer = deref(raw);
  const grade = gradeOf(answer) || inherited;
  const [first, ...rest] = String(answer.description ?? "").split(/\n\s*\n/);
  const title = [el("span", { class: "status", "data-class": status[0] }, status),
    el("span", { class: "grow" }, inline(first)), badge(answer)];
  const header = ([name, value]) => box(name, value, grade);
  const build = () => [
    markdown(rest.join("\n\n")), notes(answer),
    answer.headers && [el("h5", {}, "Headers"), entries(answer.headers).map(header)],
    answer.content && [el("h5", {}, "Body"), content(answer.content, grade)],
    answer.links && [el("h5", {}, "Leads to"), el("ul", {}, named(answer.links).map(follows))],
  ];
  const grades = gradesIn(raw, inherited);
  const more = rest.length > 0 || ["headers", "content", "links", "x-carrot-switch"].some((key) => key in answer);
  if (!more) return el("p", { class: "response bare", "data-grades": grades }, title);
  return fold(title, build, { class: "response", "data-grades": grades });
}

function authorisation(requirements) {
  const scheme = ([name, scopes]) =>
    [here("security", name, name), scopes.length > 0 && [" (", between(scopes.map(code), ", "), ")"]];
  const way = (schemes) => (entries(schemes).length ? between(entries(schemes).map(scheme), " and ") : "none");
  const ways = requirements?.length ? requirements.map(way) : ["none"];
  return el("p", { class: "security" }, el("b", {}, "Authorisation: "), between(ways, " or "));
}

function requestBody(raw, inherited) {
  const body = deref(raw);
  return [el("h4", {}, "Request body ", required(body), " ", badge(body)),
    markdown(body.description), notes(body), content(body.content, gradeOf(body) || inherited)];
}

// ---- one section each

function operation(name, path, item, source) {
  const grade = gradeOf(source);
  const id = source.operationId ?? `${name}-${path}`;
  const title = el("h3", {}, method(name), code(path), badge(source), permalink("op", id));
  const line = here("op", id, method(name), el("span", { class: "grow" }, source.summary ?? path), badge(source));
  const parameters = [...(item.parameters ?? []), ...(source.parameters ?? [])];
  const parameter = (raw) => box(deref(raw).name, raw, grade, deref(raw).in);
  const servers = (source.servers ?? item.servers ?? []).map(({ url }) => code(url));
  return section("op", id, { path, name, source }, title, line,
    el("p", { class: "summary" }, inline(source.summary ?? ""), source.operationId && [" ", code(source.operationId)]),
    source.deprecated && el("p", { class: "note" }, "Deprecated."),
    markdown(source.description), notes(source), authorisation(source.security ?? spec.security),
    servers.length > 0 && el("p", { class: "security" }, el("b", {}, "Server: "), between(servers, ", ")),
    parameters.length > 0 && [el("h4", {}, "Parameters"), parameters.map(parameter)],
    source.requestBody && requestBody(source.requestBody, grade),
    el("h4", {}, "Responses"),
    entries(source.responses).map(([status, raw]) => response(status, raw, grade)));
}

function scheme([name, it]) {
  const flow = ([kind, { tokenUrl, scopes }]) => el("li", {}, code(kind), tokenUrl && [": token from ", code(tokenUrl)],
    entries(scopes).map(([scope, meaning]) => [", scope ", code(scope), meaning && ` (${meaning})`]));
  const kind = [it.type, it.scheme, it.bearerFormat].filter(Boolean).join(" · ");
  const title = el("h3", {}, name, badge(it), permalink("security", name));
  return section("security", name, it, title, here("security", name, name, badge(it)),
    el("p", {}, "Type ", code(kind), it.in && [", in ", it.in, ": ", code(it.name)]),
    markdown(it.description), notes(it), el("ul", {}, entries(it.flows).map(flow)));
}

function component([name, schema]) {
  const title = el("h3", {}, name, permalink("schema", name));
  const line = here("schema", name, el("span", { class: "grow" }, name), badge(schema));
  const all = schema.examples ?? ("example" in schema ? [schema.example] : []);
  const examples = all.filter((value) => !isShort(value, schema));
  return section("schema", name, schema, title, line, schemaTree(schema),
    examples.map((value) => fold("Example", () => sample(value), { class: "example" })));
}

// ---- the page

const MEANING = {
  D: "In the vendor's public documentation. Always so.",
  C: "Read off the vendor's own public code. On by default.",
  A: "Every source is silent, or they disagree: the mock chooses, by a switch where several choices are sensible.",
};

function overview() {
  const { title, version, description } = spec.info ?? {};
  const mark = ([grade, words]) => el("div", {},
    el("dt", {}, el("span", { class: "badge", "data-grade": grade }, grade), ` ${words}`),
    el("dd", {}, MEANING[grade]));
  const server = ({ url, description: words }) => el("p", { class: "server" }, code(url), " ", inline(words ?? ""));
  const legend = { class: "legend", "aria-label": "What the evidence marks mean" };
  const more = spec.externalDocs;
  return el("section", { id: "overview" },
    el("h1", {}, title, " ", el("small", {}, version)),
    markdown(description),
    more && el("p", {}, link(more.url, more.description ?? more.url)),
    gradesIn(spec) && el("dl", legend, [...GRADES].map(mark)),
    el("p", {}, el("b", {}, "This server: "), code(location.origin), " ", copyButton(() => location.origin)),
    (spec.servers ?? []).map(server));
}

/** A heading with the sections below it, in the page and in the contents; nothing for no sections. */
function chapter(title, intro, nodes) {
  if (!nodes.length) return null;
  const lines = sections.filter(({ node }) => nodes.includes(node)).map(({ entry }) => entry);
  $("contents").append(el("details", { class: "chapter", open: true }, el("summary", {}, title), el("ul", {}, lines)));
  return el("div", { class: "block" }, el("h2", {}, title), markdown(intro), nodes);
}

function draw() {
  const tagOf = (source) => source.tags?.[0] ?? "Other";
  const operations = named(spec.paths).flatMap(([path, item]) =>
    METHODS.filter((name) => item[name]).map((name) => ({ name, path, item, source: item[name] })));
  const tags = new Map((spec.tags ?? []).map((tag) => [tag.name, tag.description]));
  for (const { source } of operations) if (!tags.has(tagOf(source))) tags.set(tagOf(source), "");
  const under = (tag) => operations.filter(({ source }) => tagOf(source) === tag)
    .map(({ name, path, item, source }) => operation(name, path, item, source));
  const chapters = [
    ...[...tags].map(([tag, intro]) => chapter(tag, intro, under(tag))),
    chapter("Security", "", named(spec.components?.securitySchemes).map(scheme)),
    chapter("Schemas", "", entries(spec.components?.schemas).map(component)),
  ];
  $("content").replaceChildren(overview(), ...chapters.filter(Boolean));
}

const wanted = () => document.querySelector("input[name=grade]:checked").value;

/** Hides, under `root`, the rows in which nothing has the grade that the evidence filter asks for. */
function prune(root) {
  const grade = wanted();
  for (const node of root.querySelectorAll("[data-grades]")) node.hidden = !node.dataset.grades.includes(grade);
}

function filter() {
  const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  prune($("content"));
  for (const { node, entry, words: text } of sections) {
    node.hidden ||= !words.every((word) => text.includes(word));
    entry.hidden = node.hidden;
  }
  for (const block of document.querySelectorAll(".block, .chapter")) {
    block.hidden = ![...block.querySelectorAll("section, li")].some((node) => !node.hidden);
  }
  const shown = sections.filter(({ node }) => !node.hidden).length;
  $("found").textContent = words.length || wanted() ? `${shown} of ${sections.length} shown` : "";
}

function clear() {
  $("filter").value = "";
  document.querySelector("input[name=grade][value='']").checked = true;
  filter();
}

function goToHash() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.closest("[hidden]")) clear();
  target.scrollIntoView();
}

function follow() {
  const watch = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      if (!isIntersecting) continue;
      const entry = sections.find(({ node }) => node === target).entry.firstChild;
      document.querySelector("#contents [aria-current]")?.removeAttribute("aria-current");
      entry.setAttribute("aria-current", "location");
      if (wide.matches) entry.scrollIntoView({ block: "nearest" });
    }
  }, { rootMargin: "-15% 0px -80% 0px" });
  for (const { node } of sections) watch.observe(node);
}

const wide = matchMedia("(min-width: 60rem)");
const dock = () => { $("side").open = wide.matches; };

function listen() {
  $("filter").addEventListener("input", filter);
  $("evidence").addEventListener("change", filter);
  $("content").addEventListener("drawn", (event) => prune(event.target));
  $("contents").addEventListener("click", (event) => event.target.closest("a") && dock());
  addEventListener("hashchange", goToHash);
  addEventListener("beforeprint", () => document.querySelectorAll("details.response").forEach(unfold));
  wide.addEventListener("change", dock);
  addEventListener("keydown", press);
}

function press(event) {
  const typing = event.target === $("filter");
  if (event.key === "Escape" && typing) clear();
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  $("side").open = true;
  $("filter").focus();
}

async function load(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (answer.status === 401) throw new Error(`${url} needs the control token, which this page does not have.`);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}.`);
  return answer.json();
}

async function main() {
  const asked = new URLSearchParams(location.search).get("of") ?? "carrot";
  const url = DESCRIPTIONS.get(asked) ?? DESCRIPTIONS.get("carrot");
  for (const choice of $("descriptions").querySelectorAll("a")) {
    if (new URL(choice.href).search === location.search) choice.setAttribute("aria-current", "page");
  }
  $("json").href = url;
  $("yaml").hidden = url !== DESCRIPTIONS.get("carrot");
  dock();
  try {
    spec = await load(url);
    openDescription(spec);
    draw();
    if (!gradesIn(spec)) $("evidence").hidden = true;
    if (spec.info?.title) document.title = `${spec.info.title} · Carrot Mock`;
    listen();
    follow();
    filter();
    goToHash();
  } catch (error) {
    const problem = el("p", { id: "state", role: "alert" }, "The description could not be shown: ", error.message, " ",
      link(url, "Open it as it is"), ".");
    $("content").replaceChildren(problem);
  } finally {
    $("content").removeAttribute("aria-busy");
  }
}

main();
