// Shows descriptions in Markdown. Anybody may have written them, so everything that runs or loads something is removed.

import { fileContent, namesWorkspace } from "./api.js";
import { h } from "./dom.js";
import { OURS, readRoute } from "./run_route.js";
import DOMPurify from "./vendor/dompurify.js";
import { Marked } from "./vendor/marked.js";

const MAX_CHARACTERS = 200_000;
const MAX_LINE = 2000;
const parser = new Marked({ gfm: true, breaks: false, async: false });
const ALLOWED = {
  USE_PROFILES: { html: true },
  FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "audio", "video", "dialog"],
  FORBID_ATTR: ["style", "class", "id", "name"],
};
const ABSOLUTE = /^([a-z][a-z0-9+.-]*:|\/|#)/i;

// Returns the text as an element. A picture whose address is the one of a run's file in the studio is that file. If
// `runId` is given, a picture whose address names no server is a file of that run.
export function markdown(text, runId = null) {
  const element = h("div", { class: "amlflow-markdown", dir: "auto" });
  element.append(
    DOMPurify.sanitize(parser.parse(text.slice(0, MAX_CHARACTERS)), { ...ALLOWED, RETURN_DOM_FRAGMENT: true }),
  );
  for (const link of element.querySelectorAll("a")) {
    if (link.getAttribute("href")?.startsWith(OURS)) continue;
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  findPictures(element, runId);
  return element;
}

// Gives the pictures in an element their addresses, as `markdown` says.
export function findPictures(element, runId) {
  for (const picture of element.querySelectorAll("img")) {
    const address = picture.getAttribute("src") ?? "";
    const route = readRoute(address);
    if (route) setPicture(picture, fileAddress(route.id, route.query.get("file") ?? ""));
    else if (address && !ABSOLUTE.test(address) && runId !== null)
      setPicture(picture, fileAddress(runId, decoded(address)));
    else if (address && !ABSOLUTE.test(address)) {
      picture.replaceWith(picture.alt); // it names a file, but not a run
      continue;
    }
    picture.loading = "lazy";
    picture.referrerPolicy = "no-referrer";
  }
}

const MARKS = /[*_`#[\]<>!|~\\&\n-]/;

// Returns the text without Markdown's marks, for one line of a table.
export function plainLine(text) {
  const start = text.slice(0, MAX_LINE);
  if (!MARKS.test(start)) return start;
  const words = parser.lexer(start).map(wordsOf).filter(Boolean).join(" · ").replace(/\s+/g, " ").trim();
  return words || start.trim().split("\n")[0]; // a text that is only HTML has no words
}

function wordsOf(token) {
  switch (token.type) {
    case "html":
    case "space":
    case "hr":
    case "def":
      return "";
    case "list":
      return token.items.map(wordsOf).filter(Boolean).join(" · ");
    case "table":
      return [token.header, ...token.rows].flat().map(wordsOf).filter(Boolean).join(" · ");
    case "br":
      return " ";
    default:
      return token.tokens ? token.tokens.map(wordsOf).join("") : (token.text ?? "");
  }
}

// Shows a run's file in a picture. In a workspace, the page reads the file itself, since the browser's request would not
// name the workspace.
export async function setPicture(picture, address) {
  if (!namesWorkspace()) {
    picture.src = address;
    return;
  }
  picture.removeAttribute("src");
  try {
    picture.src = URL.createObjectURL(await fileContent(address));
    picture.addEventListener("load", () => URL.revokeObjectURL(picture.src), { once: true });
  } catch (failure) {
    picture.title = failure.message;
  }
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
