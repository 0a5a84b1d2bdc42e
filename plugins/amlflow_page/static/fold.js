// Folds away what a narrow window has no room for. A wide window always shows it.

import { h } from "./dom.js";

const wide = globalThis.matchMedia?.("(min-width: 901px)"); // the same width as in board.css

export function fold(label, parts) {
  const bars = h("div", { class: "amlflow-bars" }, ...parts);
  const element = h("details", { class: "amlflow-fold" }, h("summary", {}, label), bars);
  const follow = () => {
    element.open = wide?.matches ?? true;
  };
  follow();
  wide?.addEventListener("change", follow);
  return element;
}
