// The menu that copies what is shown: as a command, as Python or as a link.

import { copy } from "./clipboard.js";
import { button, menu } from "./dom.js";
import { asCommand, asJmespath, asPython } from "./understand.js";

// `shown()` is the definition that is copied.
export function copyMenu(shown) {
  return menu(
    "Copy as",
    (panel, close) => {
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
            const missing = without.length ? ` Without ${without.join(" and ")}.` : "";
            await copy(write(shown()), `Copied.${missing}`, { title: "Copy this", text: missing });
          }),
        );
      }
    },
    { "aria-keyshortcuts": "y" },
  );
}
