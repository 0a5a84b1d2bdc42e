// The JMESPath box: what is wrong with an expression is said below it while it is typed.

import { get } from "./api.js";
import { debounced, h, icon } from "./dom.js";

const HINT = "JMESPath over all runs, as `amlflow run list --query` takes it";
const EXAMPLE = "[?properties.author=='azureml-user' && tags.quality=='fantastic run']";

export class QueryBox {
  constructor(onapply) {
    this.onapply = onapply;
    this.applied = "";
    this.box = h("input", {
      type: "text",
      class: "amlflow-code",
      placeholder: EXAMPLE,
      spellcheck: "false",
      autocomplete: "off",
      "aria-label": "JMESPath query",
      "aria-describedby": "amlflow-query-message",
      oninput: () => this.typed(),
      onkeydown: (event) => {
        if (event.key === "Enter") this.apply();
        if (event.key === "Escape" && this.box.value !== this.applied) {
          event.stopPropagation();
          this.set(this.applied);
        }
      },
    });
    this.message = h("div", { id: "amlflow-query-message", class: "amlflow-query-message", role: "status" });
    this.element = h(
      "div",
      { class: "amlflow-query" },
      h("div", { class: "amlflow-affix" }, icon("search"), this.box),
      this.message,
    );
    this.checkSoon = debounced(() => this.check(), 150);
  }

  set(text) {
    this.applied = text;
    this.box.value = text;
    this.tell(HINT);
  }

  typed() {
    const text = this.box.value;
    this.failed = null;
    if (!text.trim()) {
      this.tell(HINT);
      if (this.applied) this.apply();
    } else this.checkSoon();
  }

  async check() {
    const text = this.box.value;
    if (!text.trim()) return true;
    let found;
    try {
      found = await get("query/check", { query: text });
    } catch {
      return true; // the search itself will say
    }
    if (text !== this.box.value) return false;
    if (found.error) this.fail(found.error, found.place);
    else if (text !== this.failed)
      this.tell(found.doubts?.join(" ") || (text === this.applied ? HINT : "Enter searches"));
    return !found.error;
  }

  async apply() {
    const text = this.box.value.trim();
    this.failed = null;
    if (text && !(await this.check())) return;
    this.applied = text;
    this.onapply(text);
  }

  // Also what a search found wrong, which a check that comes late does not take back.
  fail(reason, place) {
    const text = this.box.value;
    this.failed = text;
    this.box.setAttribute("aria-invalid", "true");
    const where = [];
    if (place != null) {
      const start = Math.max(0, place - 30);
      const at = text.slice(place, place + 1) || " ";
      where.push(
        h("code", {}, start ? "…" : "", text.slice(start, place), h("mark", {}, at), text.slice(place + 1, place + 20)),
      );
    }
    this.message.replaceChildren(h("span", { class: "is-error" }, reason), ...where);
  }

  tell(text) {
    this.box.removeAttribute("aria-invalid");
    this.message.replaceChildren(text);
  }
}
