// A client in another language: Node's built-in fetch, configured by the environment alone.
const { CARROT_API_URL, CARROT_TOKEN_URL, CARROT_CLIENT_ID, CARROT_CLIENT_SECRET } = process.env;

const basic = Buffer.from(`${CARROT_CLIENT_ID}:${CARROT_CLIENT_SECRET}`).toString("base64");
const granted = await fetch(CARROT_TOKEN_URL, {
  method: "POST",
  headers: { Authorization: `Basic ${basic}`, "Content-Type": "application/x-www-form-urlencoded" },
  body: "grant_type=client_credentials&scope=api.carrot.eco%2Fmain-scope",
});
const { access_token } = await granted.json();

async function post(path, body) {
  const answer = await fetch(CARROT_API_URL + path, {
    method: "POST",
    headers: { Authorization: `Bearer ${access_token}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}

let input = "";
for await (const chunk of process.stdin) input += chunk;
const { document, events } = JSON.parse(input);
const { id } = await post("/documents", document);
for (const event of events) await post(`/documents/${id}/events`, event);
console.log(id);
