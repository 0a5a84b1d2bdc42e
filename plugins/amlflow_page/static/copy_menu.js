// The menu that copies what is shown: as a command, as Python or as a link.

import { ask, button, menu, say } from "./dom.js";
import { asCommand, asJmespath, asPython } from "./understand.js";

// `shown()` is the definition that is copied.
export function copyMenu(shown) {
  return menu("Copy as", (panel, close) => {
    const { leftOut } = asJmespath(shown());
    const copies = [
      ["Command", asCommand, leftOut],
      ["Python", asPython, leftOut],
      ["Link", () => location.href, []],
    ];
    for (const [name, write, without] of copies) {
      panel.append(
        button(name, async () => {
          close();
          await copy(write(shown()), without);
        }),
      );
    }
  });
}

// Puts a text on the clipboard; where the browser does not let it, the text is shown to be copied.
async function copy(text, leftOut) {
  const without = leftOut.length ? ` Without ${leftOut.join(" and ")}.` : "";
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied.${without}`);
  } catch {
    await ask({ title: "Copy this", text: without, value: text, confirm: "Done" });
  }
}
