// The menu of the columns by which runs can be grouped, and by which the runs of each group can be grouped again.

import { get } from "./api.js";
import { longTitle } from "./cells.js";
import { GROUPS } from "./definition.js";
import { h, menu, say } from "./dom.js";

const MAX_SHOWN = 100;

// `chosen()` returns the chosen columns `group` and `subgroup`, which are "" if none is chosen.
// `choose(group, subgroup)` is called after a choice.
export function groupMenu(chosen, choose) {
  const group = () => chosen().group;
  const element = menu(
    "Group",
    async (panel, close) => {
      const list = h("div", { class: "amlflow-checklist", role: "radiogroup", "aria-label": "Group by" });
      const find = h("input", {
        type: "text",
        class: "amlflow-input",
        placeholder: "Find",
        "aria-label": "Find a column to group by",
        oninput: () => show(),
      });
      const then = h("select", {
        class: "amlflow-input",
        onchange: () => {
          close();
          choose(group(), then.value);
        },
      });
      panel.append(find, list);
      if (group()) panel.append(h("label", {}, h("span", {}, "Then by"), then));
      let columns = withChosen(GROUPS, group());
      show();
      try {
        columns = withChosen([...GROUPS, ...keyed(await get("keys"))], group());
        show();
      } catch (failure) {
        say(failure.message, true);
      }

      function show() {
        const words = find.value.trim().toLowerCase();
        const found = columns.filter((column) => longTitle(column).toLowerCase().includes(words));
        const options = words ? found : ["", ...found];
        list.replaceChildren(...options.slice(0, MAX_SHOWN).map(option));
        const { subgroup } = chosen();
        then.replaceChildren(
          h("option", { value: "" }, "Nothing else"),
          ...withChosen(columns, subgroup)
            .filter((column) => column !== group())
            .map((column) => h("option", { value: column, selected: column === subgroup }, longTitle(column))),
        );
        if (options.length > MAX_SHOWN)
          list.append(h("p", { class: "amlflow-hint" }, `${options.length - MAX_SHOWN} more; write a part of a name`));
      }

      function option(column) {
        const box = h("input", {
          type: "radio",
          name: "amlflow-group",
          checked: column === group(),
          // The arrow keys only move through the options. A click, Space or Enter chooses one.
          onclick: (event) => event.detail !== 0 && take(column),
          onkeydown: (event) => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            take(column);
          },
        });
        return h("label", {}, box, h("span", {}, column ? longTitle(column) : "No groups"));
      }

      function take(column) {
        close();
        if (column !== group()) choose(column, column && column !== chosen().subgroup ? chosen().subgroup : "");
      }
    },
    { "aria-keyshortcuts": "p" },
  );
  element.show = () => {
    const columns = [group(), chosen().subgroup].filter(Boolean).map(longTitle);
    element.setLabel(columns.length ? `Group: ${columns.join(", ")}` : "Group", columns.length > 0);
  };
  return element;
}

function withChosen(columns, chosen) {
  return chosen && !columns.includes(chosen) ? [chosen, ...columns] : columns;
}

function keyed({ tags, params, properties }) {
  return [
    ...tags.map((key) => `tag:${key}`),
    ...params.map((key) => `param:${key}`),
    ...properties.map((key) => `property:${key}`),
  ];
}
