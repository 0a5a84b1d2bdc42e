// Descriptions in Markdown, which anybody may have written: what runs or loads something is taken out.

import { h } from "./dom.js";
import DOMPurify from "./vendor/dompurify.js";
import { Marked } from "./vendor/marked.js";

const MAX_CHARACTERS = 200_000;
const parser = new Marked({ gfm: true, breaks: false, async: false });
const ALLOWED = {
  USE_PROFILES: { html: true },
  FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "audio", "video", "dialog"],
  FORBID_ATTR: ["style", "class", "id", "name"],
};
const ABSOLUTE = /^([a-z][a-z0-9+.-]*:|\/|#)/i;

// The text as an element. A picture without a server in its address is a file of the run.
export function markdown(text, runId) {
  const element = h("div", { class: "amlflow-markdown", dir: "auto" });
  element.append(
    DOMPurify.sanitize(parser.parse(text.slice(0, MAX_CHARACTERS)), { ...ALLOWED, RETURN_DOM_FRAGMENT: true }),
  );
  for (const link of element.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  for (const picture of element.querySelectorAll("img")) {
    const address = picture.getAttribute("src") ?? "";
    if (address && !ABSOLUTE.test(address)) picture.src = fileAddress(runId, decoded(address));
    picture.loading = "lazy";
    picture.referrerPolicy = "no-referrer";
  }
  return element;
}

export function fileAddress(runId, name) {
  return `get-artifact?path=${encodeURIComponent(name)}&run_uuid=${encodeURIComponent(runId)}`;
}

function decoded(address) {
  try {
    return decodeURIComponent(address);
  } catch {
    return address;
  }
}
