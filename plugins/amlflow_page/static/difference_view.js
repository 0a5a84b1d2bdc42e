// The page with the differences between two runs: values, environment, command, and lines of their source files.

import { get } from "./api.js";
import { h } from "./dom.js";
import { chip, size } from "./format.js";
import { ALL_RUNS, runAddress } from "./run_route.js";
import { number, section, table } from "./sections.js";

const TITLES = {
  params: "Params",
  properties: "Properties",
  tags: "Tags",
  environment: "Environment",
  command: "Command",
  metrics: "Metrics (last values)",
};

export class DifferenceView {
  constructor(ids) {
    this.id = ids.join();
    this.content = h(
      "div",
      { class: "amlflow-run-main" },
      h("p", { class: "amlflow-hint", role: "status" }, "Comparing…"),
    );
    this.element = h(
      "section",
      { class: "amlflow amlflow-run", "aria-label": "Difference of two runs" },
      h("nav", { "aria-label": "Back" }, h("a", { href: ALL_RUNS }, "All runs"), " / ", h("h1", {}, "Difference")),
      this.content,
    );
    this.load(ids);
  }

  title() {
    return "Difference - MLflow";
  }

  moved() {}

  stop() {
    this.element.remove();
  }

  async load([left, right]) {
    try {
      this.show(await get("runs/difference", { left, right }));
    } catch (failure) {
      this.content.replaceChildren(h("p", { class: "is-error", role: "alert" }, failure.message));
    }
  }

  show({ runs, sections, files, count, unread }) {
    this.runs = runs;
    const parts = sections.map((section) => this.section(section));
    if (files.length) parts.push(this.sources(files, count));
    const alike = alikeText(
      sections.map(({ name }) => name),
      files.length > 0 || Boolean(unread),
    );
    if (unread) parts.push(h("p", { role: "alert" }, `The files are not compared. ${unread}`));
    this.content.replaceChildren(this.heads(), ...parts, h("p", { class: "amlflow-hint" }, alike));
  }

  heads() {
    return h(
      "div",
      { class: "amlflow-sides" },
      ...this.runs.map((run) =>
        h(
          "div",
          { class: "amlflow-card amlflow-side" },
          h("a", { href: runAddress(run.id) }, name(run)),
          " ",
          chip(run.status),
        ),
      ),
    );
  }

  section({ name: kind, entries, count }) {
    const title = TITLES[kind] ?? kind;
    return section(
      title,
      table(
        ["Name", ...this.runs.map(name)],
        entries.map(([key, ...values]) => [h("bdi", {}, key), ...values.map(shown)]),
        { kind: "amlflow-difference", label: title, rowHeads: true },
      ),
      entries.length < count ? h("p", { class: "amlflow-hint" }, `Only the first ${entries.length} of ${count}.`) : "",
    );
  }

  sources(files, count) {
    return section(
      `Files of the snapshots (${count})`,
      ...files.map((file) => source(file)),
      files.length < count ? h("p", { class: "amlflow-hint" }, `Only the first ${files.length} are shown.`) : "",
    );
  }
}

// Returns a sentence that says what is the same in both runs.
export function alikeText(different, hasFiles) {
  const alike = Object.keys(TITLES).filter((name) => !different.includes(name));
  if (!hasFiles) alike.push("files of the snapshots");
  if (!alike.length) return "";
  if (alike.length > Object.keys(TITLES).length) return "Nothing is different.";
  return `No difference in: ${alike.join(", ")}.`;
}

function name(run) {
  return h("bdi", {}, run.name || run.run_id);
}

function shown(value) {
  if (value === null || value === undefined) return h("span", { class: "amlflow-hint" }, "none");
  if (typeof value === "object") return JSON.stringify(value);
  return h("bdi", {}, number(value));
}

function source({ name: file, sizes, diff, reason }) {
  const [left, right] = sizes;
  const what = left === null ? "added" : right === null ? "removed" : `${size(left)} → ${size(right)}`;
  return h(
    "details",
    { open: diff !== null && diff.length < 4000 },
    h("summary", {}, h("bdi", {}, file), h("span", { class: "amlflow-hint" }, ` ${what}`)),
    diff === null
      ? h("p", { class: "amlflow-hint" }, `Its lines are not compared: ${reason}.`)
      : h(
          "pre",
          { class: "amlflow-code amlflow-diff", tabindex: "0", "aria-label": `Difference of ${file}` },
          ...lines(diff),
        ),
  );
}

const KINDS = { "+": "is-added", "-": "is-removed", "@": "is-place" };

// Returns the lines of a difference in the unified format, without the names of the files.
export function lines(diff) {
  return diff
    .split("\n")
    .slice(2)
    .map((line) => h("span", { class: KINDS[line[0]] ?? "" }, `${line}\n`));
}
