// Shows a run's files as a tree. A folder is read when it is opened. Texts and pictures are shown.

import { fileContent, get } from "./api.js";
import { h } from "./dom.js";
import { downloadLink } from "./download_link.js";
import { size } from "./format.js";
import { fileAddress, markdown, setPicture } from "./markdown.js";

const PICTURES = /\.(png|jpe?g|gif|webp|bmp|svg)$/i;
const TEXTS = /\.(txt|log|json|ya?ml|py|md|csv|tsv|toml|cfg|ini|sh|html?|xml|js|ts|r|sql|ipynb)$/i;
const MAX_TEXT = 1_000_000;

export class RunFiles {
  constructor(runId, query) {
    this.runId = runId;
    this.tree = h("div", { class: "amlflow-tree" });
    this.shown = h("div", { class: "amlflow-file" }, h("p", { class: "amlflow-hint" }, "Choose a file."));
    this.element = h("div", { class: "amlflow-files" }, this.tree, this.shown);
    this.open(this.tree, "");
    const file = query.get("file");
    if (file) this.show({ name: file, size: null });
  }

  async open(into, folder) {
    into.replaceChildren(h("p", { class: "amlflow-hint" }, "Reading…"));
    let answer;
    try {
      answer = await get("runs/files", { run_id: this.runId, folder });
    } catch (failure) {
      into.replaceChildren(h("p", { class: "is-error" }, failure.message));
      return;
    }
    const { files, more } = answer;
    into.replaceChildren(
      files.length ? h("ul", { class: "amlflow-list" }, ...files.map((file) => this.entry(file))) : "",
      files.length ? "" : h("p", { class: "amlflow-hint" }, folder ? "The folder is empty." : "This run has no files."),
      more ? h("p", { class: "amlflow-hint" }, `Only the first ${files.length} are shown.`) : "",
    );
  }

  entry(file) {
    const name = file.name.split("/").at(-1);
    if (!file.is_folder) {
      return h(
        "li",
        {},
        h("button", { type: "button", class: "amlflow-plain", onclick: () => this.show(file) }, h("bdi", {}, name)),
        file.size == null ? "" : h("span", { class: "amlflow-hint" }, ` ${size(file.size)}`),
      );
    }
    const below = h("div", { class: "amlflow-tree" });
    const folder = h("details", {}, h("summary", {}, h("bdi", {}, `${name}/`)), below);
    folder.addEventListener("toggle", () => folder.open && !below.firstChild && this.open(below, file.name));
    return h("li", {}, folder);
  }

  async show(file) {
    const address = fileAddress(this.runId, file.name);
    const content = h("div", {});
    this.shown.replaceChildren(
      h(
        "div",
        { class: "amlflow-bar" },
        h("b", {}, h("bdi", {}, file.name)),
        downloadLink("Download", address, file.name.split("/").at(-1)),
      ),
      content,
    );
    this.showing = file.name;
    if (PICTURES.test(file.name)) {
      const picture = h("img", { alt: file.name });
      content.append(picture);
      await setPicture(picture, address);
    } else if (TEXTS.test(file.name)) await this.showText(content, file, address);
    else content.append(h("p", { class: "amlflow-hint" }, "This kind of file is not shown here; download it."));
  }

  async showText(content, file, address) {
    if (file.size > MAX_TEXT) {
      content.append(h("p", { class: "amlflow-hint" }, `It has ${size(file.size)}: download it.`));
      return;
    }
    try {
      const text = (await (await fileContent(address)).text()).slice(0, MAX_TEXT);
      if (this.showing !== file.name) return;
      content.append(
        /\.md$/i.test(file.name)
          ? markdown(text, this.runId)
          : h("pre", { class: "amlflow-code", tabindex: "0" }, text),
      );
    } catch (failure) {
      content.append(h("p", { class: "is-error" }, failure.message));
    }
  }
}
