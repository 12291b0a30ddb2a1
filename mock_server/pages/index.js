// Puts this server's own address and state into the page at `/`.

import { copyButton } from "./nodes.js";

for (const node of document.querySelectorAll("[data-origin]")) node.textContent = location.origin;

for (const block of document.querySelectorAll(".sample")) {
  const button = copyButton(() => block.querySelector("code").textContent);
  if (button) block.prepend(button);
}

const state = document.getElementById("state");
try {
  const answer = await fetch("/_mock/health");
  const { status, version } = await answer.json();
  state.textContent = `${status}, version ${version}`;
} catch {
  state.textContent = "no answer from /_mock/health";
}
