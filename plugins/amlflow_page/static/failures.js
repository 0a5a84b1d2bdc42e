// The menu of the reasons why runs failed. Each has the number of runs, and shows these runs when it is chosen.

import { post } from "./api.js";
import { h, menu } from "./dom.js";

// `request()` returns the list's request to the server. `choose(text)` is called with words that find a reason's runs.
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
