// Dialogs that show something without asking a question.

import { button, h } from "./dom.js";

// Shows a dialog. Returns a function that closes it.
export function showDialog(title, ...content) {
  const id = "amlflow-shown-title";
  const dialog = h(
    "dialog",
    { class: "amlflow amlflow-dialog", "aria-labelledby": id },
    h("h2", { id }, title),
    ...content,
    h(
      "div",
      { class: "amlflow-dialog-buttons" },
      button("Close", () => dialog.close()),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return () => dialog.close();
}
