// Copies texts to the clipboard.

import { ask, say } from "./dom.js";

// Copies a text to the clipboard, and shows the message `told`. If the browser does not allow it, a dialog shows the
// value to be copied by hand, below `title` and `text`.
export async function copy(value, told, { title, text }) {
  try {
    await navigator.clipboard.writeText(value);
    say(told);
  } catch {
    await ask({ title, text, value, confirm: "Done" });
  }
}
