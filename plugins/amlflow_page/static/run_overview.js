// The overview of a run, in sections: description, values, tags, properties, params, data, children.

import { get, isAway } from "./api.js";
import { h, icon } from "./dom.js";
import { ago, chip, runDuration, tag } from "./format.js";
import { markdown } from "./markdown.js";
import { childrenAddress, runAddress } from "./run_route.js";
import { number, section, table } from "./sections.js";

const LOOK_MS = 5000;

export class RunOverview {
  constructor(page) {
    this.page = page;
    this.stopped = false;
    this.description = h("div", {});
    this.main = h("div", { class: "amlflow-run-main" });
    this.side = h("div", { class: "amlflow-run-side" });
    this.metrics = h("div", {});
    this.children = h("div", {});
    this.element = h("div", { class: "amlflow-run-overview" }, this.main, this.side);
    this.main.append(this.description, this.metrics, this.children);
    if (page.state) this.changed(true);
  }

  stop() {
    this.stopped = true;
  }

  // The run was read. `statusChanged` tells whether its status has changed.
  changed(statusChanged) {
    const { state } = this.page;
    this.showDescription(state.description ?? "");
    const shown = JSON.stringify([state.tags, state.properties, state.params]);
    if (statusChanged || shown !== this.shown) {
      this.shown = shown;
      this.showSide(this.details);
    }
    if (statusChanged) {
      this.readDetails();
      this.watching ??= this.watchMetrics();
    }
  }

  showDescription(text) {
    if (text === this.text) return;
    this.text = text;
    this.description.replaceChildren(text.trim() ? section("Description", markdown(text, this.page.id)) : "");
  }

  async readDetails() {
    try {
      this.details = await this.page.details();
    } catch (failure) {
      this.children.replaceChildren(h("p", { class: "is-error" }, failure.message));
      return;
    }
    if (this.stopped) return;
    this.showChildren(this.details);
    this.showSide(this.details);
  }

  async watchMetrics() {
    let isRead = false;
    do {
      const final = this.page.state.final; // asked before reading, so that the last values are read after the end
      try {
        this.showMetrics(await get("runs/metrics", { run_id: this.page.id }));
        isRead = true;
      } catch (failure) {
        isRead = !isAway(failure);
        this.metrics.replaceChildren(section("Metrics", h("p", { class: "is-error" }, failure.message)));
      }
      if (final && isRead) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    } while (!this.stopped);
  }

  showMetrics({ metrics, more }) {
    if (!metrics.length) {
      this.metrics.replaceChildren(h("p", { class: "amlflow-hint" }, "This run has logged no metrics."));
      return;
    }
    const numbers = metrics.filter((metric) => "last" in metric);
    const others = metrics.filter((metric) => !("last" in metric));
    this.metrics.replaceChildren(
      section(
        "Metrics",
        numbers.length
          ? table(
              ["Name", "Last", "Min", "Max", "Step", "Values"],
              numbers.map((metric) => [
                h(
                  "a",
                  { href: runAddress(this.page.id, "charts", { metric: metric.name }) },
                  h("bdi", {}, metric.name),
                ),
                ...[metric.last, metric.min, metric.max].map(number),
                metric.step.toLocaleString("en"),
                metric.count.toLocaleString("en"),
              ]),
            )
          : null,
        ...others.map((metric) => this.other(metric)),
        more ? h("p", { class: "amlflow-hint" }, `Only the first ${metrics.length} metrics are shown.`) : null,
      ),
    );
  }

  other({ name, kind, value }) {
    const isTable = value && typeof value === "object" && !Array.isArray(value);
    let shown = h("pre", { class: "amlflow-code" }, typeof value === "string" ? value : JSON.stringify(value));
    if (isTable) {
      const columns = Object.keys(value);
      const lists = columns.map((column) => [value[column]].flat());
      const rows = lists.reduce((most, list) => Math.max(most, list.length), 0);
      shown = table(
        columns,
        Array.from({ length: rows }, (_, row) => lists.map((list) => number(list[row] ?? ""))),
      );
    } else if (kind === "image") {
      const address = runAddress(this.page.id, "files", { file: String(value) });
      shown = h("a", { href: address }, h("bdi", {}, String(value)));
    }
    return h("div", {}, h("h3", {}, h("bdi", {}, name)), shown);
  }

  showChildren({ children, more_children }) {
    if (!children.length) {
      this.children.replaceChildren();
      return;
    }
    this.children.replaceChildren(
      section(
        more_children ? `Child runs (the newest ${children.length})` : `Child runs (${children.length})`,
        more_children
          ? h("p", {}, h("a", { href: childrenAddress(this.page.state.run_id) }, "All child runs in the list"))
          : null,
        table(
          ["Name", "Status", "Created", "Duration"],
          children.map((child) => [
            h("a", { href: runAddress(child.id) }, h("bdi", {}, child.name || child.run_id)),
            chip(child.status),
            ago(child.created_utc),
            runDuration(child),
          ]),
        ),
      ),
    );
  }

  showSide(details) {
    const { state } = this.page;
    const tags = Object.entries(state.tags);
    const parts = [
      tags.length
        ? section("Tags", h("span", { class: "amlflow-tags" }, ...tags.map(([key, value]) => tag(key, value))))
        : null,
      values("Params", state.params),
      values("Properties", state.properties, icon("lock"), "A property is immutable"),
    ];
    if (details) {
      const { parent, command, inputs, outputs, environment } = details;
      parts.unshift(
        parent &&
          section("Parent run", h("a", { href: runAddress(parent.id) }, h("bdi", {}, parent.name || parent.run_id))),
        command && section("Command", h("pre", { class: "amlflow-code", tabindex: "0" }, command)),
      );
      parts.push(
        data("Inputs", inputs, (item) => item.consumptionDetails),
        data("Outputs", outputs, (item) => item.outputDetails),
        environment && environmentSection(environment),
      );
    }
    this.side.replaceChildren(...parts.filter(Boolean));
  }
}

function values(title, content, symbol, hint) {
  const entries = Object.entries(content);
  if (!entries.length) return null;
  return section(
    symbol ? h("span", { title: hint }, `${title} `, symbol) : title,
    h(
      "dl",
      { class: "amlflow-pairs" },
      ...entries.flatMap(([key, value]) => [h("dt", {}, h("bdi", {}, key)), h("dd", {}, h("bdi", {}, value))]),
    ),
  );
}

function data(title, items, more) {
  if (!items.length) return null;
  return section(
    title,
    h(
      "ul",
      { class: "amlflow-list" },
      ...items.map((item) => {
        const { id, name, version } = item.dataset;
        const details = more(item) ?? {};
        const as = details.inputName ?? details.outputName;
        const how = [as, details.mechanism].filter(Boolean).join(", ");
        return h(
          "li",
          {},
          h("bdi", {}, name ?? id),
          version == null ? "" : ` version ${version}`,
          how ? h("span", { class: "amlflow-hint" }, ` (${how})`) : "",
        );
      }),
    ),
  );
}

function environmentSection({ name, version, hash, packages }) {
  return section(
    "Environment",
    h("p", {}, h("bdi", {}, name), version ? ` version ${version}` : ""),
    hash ? h("p", { class: "amlflow-hint" }, "hash ", h("code", {}, hash)) : null,
    packages?.length
      ? h(
          "details",
          {},
          h("summary", {}, `${packages.length} packages`),
          h("pre", { class: "amlflow-code", tabindex: "0" }, packages.join("\n")),
        )
      : null,
  );
}
