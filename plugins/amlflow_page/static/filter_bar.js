// The filters above the list: tags, experiment, status, compute target, submitter.

import { get } from "./api.js";
import { checklist, h, icon, menu } from "./dom.js";
import { STATUSES } from "./format.js";

const LISTS = [
  ["experiments", "Experiment"],
  ["statuses", "Status"],
  ["targets", "Compute target"],
  ["submitters", "Submitted by"],
];

export class FilterBar {
  constructor(definition, onchange) {
    this.definition = definition;
    this.onchange = onchange;
    this.seen = {
      experiments: new Set(),
      statuses: new Set(STATUSES),
      targets: new Set(["local", "sdk"]),
      submitters: new Set(),
    };
    this.menus = Object.fromEntries(LISTS.map(([name, label]) => [name, this.menuOf(name, label)]));
    this.tag = h("input", {
      type: "text",
      class: "amlflow-input",
      placeholder: "Tag: key or key=value",
      "aria-label": "Add a tag filter: key or key=value",
      onkeydown: (event) => {
        const value = this.tag.value.trim();
        if (event.key === "Enter" && value) {
          if (!this.definition.tags.includes(value)) this.definition.tags.push(value);
          this.tag.value = "";
          this.changed();
        }
      },
    });
    this.chips = h("span", { class: "amlflow-tags" });
    // Children are shown folded below their parents, or as rows of the list.
    this.tree = this.choice("tree", "children");
    this.children = this.choice("children", "tree");
    this.element = h(
      "div",
      { class: "amlflow-bar", role: "search", "aria-label": "Filters" },
      ...Object.values(this.menus),
      this.tag,
      h("label", { title: "Child runs are folded below their parents" }, this.tree, h("span", {}, "Tree")),
      h("label", { title: "Child runs are in the list" }, this.children, h("span", {}, "Child runs")),
      this.chips,
    );
  }

  // Returns a checkbox. If it is ticked, the other one is cleared.
  choice(name, other) {
    const box = h("input", {
      type: "checkbox",
      onchange: () => {
        this.definition[name] = box.checked;
        if (box.checked) this.definition[other] = false;
        this.changed();
      },
    });
    return box;
  }

  menuOf(name, label) {
    const made = menu(label, async (panel) => {
      if (name === "experiments" && !(await this.loaded(panel))) return;
      const options = [...new Set([...this.definition[name], ...this.seen[name]])];
      if (name !== "statuses") options.sort((one, other) => one.localeCompare(other));
      checklist(
        panel,
        label,
        options,
        new Set(this.definition[name]),
        (chosen) => {
          this.definition[name] = chosen;
          this.changed();
        },
        { more: name === "targets" || name === "submitters" },
      );
      panel.querySelector("input")?.focus();
    });
    made.label = label;
    return made;
  }

  async loaded(panel) {
    const hint = h("p", { class: "amlflow-hint" }, "Loading…");
    panel.append(hint);
    try {
      const { experiments } = await get("experiments");
      this.seen.experiments = new Set(experiments.map((each) => each.name));
    } catch (failure) {
      hint.textContent = failure.message;
      hint.classList.add("is-error");
      return false;
    }
    hint.remove();
    return true;
  }

  learn(rows) {
    for (const row of rows) {
      if (row.target) this.seen.targets.add(row.target);
      if (row.user_id) this.seen.submitters.add(row.user_id);
    }
  }

  changed() {
    this.show(this.definition);
    this.onchange();
  }

  show(definition) {
    this.definition = definition;
    const isSet = definition.tags.length > 0 || LISTS.some(([name]) => definition[name].length > 0);
    this.element.closest("details")?.classList.toggle("is-set", isSet);
    this.children.checked = definition.children;
    this.tree.checked = definition.tree && !definition.children;
    for (const [name, made] of Object.entries(this.menus)) {
      const chosen = definition[name];
      made.setLabel(
        chosen.length === 1
          ? `${made.label}: ${chosen[0]}`
          : chosen.length
            ? `${made.label} (${chosen.length})`
            : made.label,
        chosen.length > 0,
      );
    }
    const withoutTag = (tag) => definition.tags.filter((other) => other !== tag);
    this.chips.replaceChildren(
      ...definition.tags.map((tag) =>
        this.chip(tag, `the tag filter ${tag}`, () => {
          definition.tags = withoutTag(tag);
        }),
      ),
      // Words beside a JMESPath expression cannot be in the one box, so they are shown here.
      ...(definition.text
        ? [
            this.chip(`words: ${definition.text}`, "the words", () => {
              definition.text = "";
            }),
          ]
        : []),
    );
  }

  chip(text, what, remove) {
    return h(
      "span",
      { class: "amlflow-tag" },
      text,
      h(
        "button",
        {
          type: "button",
          class: "amlflow-plain",
          "aria-label": `Remove ${what}`,
          onclick: () => {
            remove();
            this.tag.focus();
            this.changed();
          },
        },
        icon("close"),
      ),
    );
  }
}
