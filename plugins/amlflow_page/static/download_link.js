// Links that save a file of the server.

import { fileContent, namesWorkspace } from "./api.js";
import { h, say } from "./dom.js";

const KEPT_MS = 60_000; // the browser reads the content after the click

// Returns a link that saves the file at an address as `name`. `setDownload` gives it another file later.
export function downloadLink(label, address, name) {
  const link = h("a", { class: "amlflow-button", onclick: saveInWorkspace }, label);
  if (address) setDownload(link, address, name);
  return link;
}

export function setDownload(link, address, name) {
  link.setAttribute("href", address);
  link.setAttribute("download", name);
}

// In a workspace, the page reads the file itself, since the browser's request would not name the workspace.
async function saveInWorkspace(event) {
  if (!namesWorkspace()) return;
  event.preventDefault();
  const link = event.currentTarget;
  const name = link.getAttribute("download");
  try {
    const content = URL.createObjectURL(await fileContent(link.getAttribute("href")));
    h("a", { href: content, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(content), KEPT_MS);
  } catch (failure) {
    say(failure.message, true);
  }
}
