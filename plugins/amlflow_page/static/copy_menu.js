// The menu that copies what is shown: as a command, as Python or as a link.

import { copy } from "./clipboard.js";
import { asCommand, asPython } from "./copying.js";
import { button, menu } from "./dom.js";

// `shown()` returns the definition that is copied.
export function copyMenu(shown) {
  return menu(
    "Copy as",
    (panel, close) => {
      const copies = [
        ["Command", asCommand],
        ["Python", asPython],
        ["Link", () => location.href],
      ];
      for (const [name, write] of copies) {
        panel.append(
          button(name, async () => {
            close();
            await copy(write(shown()), "Copied.", { title: "Copy this", text: "" });
          }),
        );
      }
    },
    { "aria-keyshortcuts": "y" },
  );
}
