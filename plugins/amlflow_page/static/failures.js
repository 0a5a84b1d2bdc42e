// Why runs failed: a menu of the reasons, with how many runs failed of each, which chooses those runs.

import { post } from "./api.js";
import { h, menu } from "./dom.js";

// `request()` is what the list asks the server for; `choose(text)` is called with the words that find a reason's runs.
export function failuresMenu(request, choose) {
  return menu(
    "Failures",
    async (panel, close) => {
      panel.classList.add("amlflow-reasons");
      const state = h("p", { class: "amlflow-hint", role: "status" }, "Reading…");
      panel.append(state);
      try {
        const { groups, looked_at } = await post("runs/failures", request());
        state.textContent = told(groups, looked_at);
        panel.append(
          ...groups.map(({ reason, count, text }) =>
            h(
              "button",
              {
                type: "button",
                class: "amlflow-reason",
                onclick: () => {
                  close();
                  choose(text);
                },
              },
              h("b", {}, count === 1 ? "1 run" : `${count.toLocaleString("en")} runs`),
              h("span", { dir: "auto" }, reason),
            ),
          ),
        );
        panel.querySelector("button")?.focus();
      } catch (failure) {
        state.textContent = failure.message;
      }
    },
    { "aria-keyshortcuts": "f" },
  );
}

export function told(groups, count) {
  if (!count) return "No run of these filters has failed.";
  const silent = count - groups.reduce((sum, group) => sum + group.count, 0);
  const failed = count === 1 ? "1 run has failed" : `${count.toLocaleString("en")} runs have failed`;
  return silent ? `${failed}, of which ${silent.toLocaleString("en")} do not say why.` : `${failed}.`;
}
