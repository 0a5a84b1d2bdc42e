// The clipboard.

import { ask, say } from "./dom.js";

// Puts a text on the clipboard and says `told`; where the browser does not let it, `title` and `text` are above the
// text in a dialog, from which it can be copied.
export async function copy(value, told, { title, text }) {
  try {
    await navigator.clipboard.writeText(value);
    say(told);
  } catch {
    await ask({ title, text, value, confirm: "Done" });
  }
}
