// A client on the types that openapi-typescript made of the contract: the whole way of a MassID, with fetch alone.
// It gets the address and the credentials from the environment, and prints what it read in the end.
import type { components, operations } from "./carrot.js";

type Schemas = components["schemas"];
type Call = keyof operations;
type Content<T> = T extends { content: { "application/json": infer Body } } ? Body : never;
type Sent<O extends Call> = operations[O] extends { requestBody?: infer Body } ? Content<NonNullable<Body>> : never;
type Answers<O extends Call> = operations[O]["responses"];
type Good<O extends Call> = Content<Answers<O>[keyof Answers<O> & (200 | 201)]>;

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`Expected ${name} in the environment; got none.`);
  return value;
}

const url = setting("CARROT_API_URL");
const other = setting("CARROT_OTHER");

async function answered<T>(answer: Response): Promise<T> {
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

async function token(): Promise<Schemas["TokenAnswer"]> {
  const basic = Buffer.from(`${setting("CARROT_CLIENT_ID")}:${setting("CARROT_CLIENT_SECRET")}`).toString("base64");
  const form: Schemas["TokenRequest"] = { grant_type: "client_credentials", scope: "api.carrot.eco/main-scope" };
  const body = new URLSearchParams({ ...form } as Record<string, string>);
  return answered(await fetch(`${url}/oauth2/token`, { method: "POST", headers: { Authorization: `Basic ${basic}` }, body }));
}

const { access_token } = await token();

async function call<O extends Call>(method: string, path: string, body?: Sent<O>): Promise<Good<O>> {
  const headers = { Authorization: `Bearer ${access_token}`, "Content-Type": "application/json" };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  return answered(await fetch(url + path, { method, headers, ...sent }));
}

const participant: Schemas["ParticipantInput"] = {
  countryCode: "BR",
  name: "Cantina Modelo Ltda",
  taxId: "99000001000101",
  taxIdType: "CNPJ",
  type: "COMPANY",
};
const address: Schemas["AddressInput"] = {
  city: "São Paulo",
  countryCode: "BR",
  countryState: "SP",
  name: "Matriz",
  number: "250",
  street: "Rua Modelo",
};
const parties = { participant, address };

// That the types do hold a client to the contract: the compiler complains where this line is no mistake.
// @ts-expect-error
export const mistaken: Schemas["PermissionStatement"] = { effect: "MAYBE", actions: ["READ"] };

const { id } = await call<"documents.create">("POST", "/documents", {
  category: "MassID",
  type: "Organic",
  externalCreatedAt: "2026-03-01T10:00:00Z",
  isPublic: true,
  isPubliclySearchable: true,
  ...parties,
  deduplicationId: "generated-create",
});

await call<"events.append">("POST", `/documents/${id}/events`, {
  name: "ACTOR",
  label: "Recycler",
  externalCreatedAt: "2026-03-01T11:00:00Z",
  isPublic: true,
  ...parties,
  permissions: { [other]: [{ effect: "ALLOW", actions: ["READ"] }] },
});

const content = "%PDF-1.4 a manifest";
const declared = await call<"attachments.upload">("PUT", `/documents/${id}/attachments/mtr.pdf`, {
  contentLength: content.length,
  contentType: "application/pdf",
});
// The URL is signed and used as it is: no bearer token.
const stored = await fetch(declared.url, { method: "PUT", headers: { "Content-Type": "application/pdf" }, body: content });
if (!stored.ok) throw new Error(await stored.text());
const found = await call<"attachments.download">("GET", `/documents/${id}/attachments/mtr.pdf`);
if ((await (await fetch(found.url)).text()) !== content) throw new Error("The file came back otherwise.");

const appended = await call<"events.batch">("POST", "/documents/events", {
  documentId: id,
  events: [
    {
      name: "Weighing",
      externalCreatedAt: "2026-03-01T12:00:00Z",
      isPublic: true,
      ...parties,
      value: 3250.5,
      metadata: { attributes: [{ name: "Vehicle License Plate", value: "ZZZ0A00", isPublic: false, sensitive: true }] },
      deduplicationId: "generated-weighing",
    },
    {
      name: "Transport Manifest",
      externalCreatedAt: "2026-03-01T13:00:00Z",
      isPublic: true,
      ...parties,
      attachments: [{ label: "Transport Manifest", fileName: "mtr.pdf" }],
      deduplicationId: "generated-manifest",
    },
  ],
});
if (appended.events.length !== 2) throw new Error("Expected two events in the answer to the batch.");

const read = await call<"documents.read">("GET", `/documents/${id}`);
const events = read.externalEvents.map((event) => event.name);
const files = read.attachments.map((file) => file.fileName);
console.log(JSON.stringify({ id: read.id, value: read.currentValue, events, files }));
