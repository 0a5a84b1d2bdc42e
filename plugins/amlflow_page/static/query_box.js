// The box for words, `key:value` or JMESPath. While the user types, the line below says how the text is understood, or
// what is wrong with it.

import { get } from "./api.js";
import { debounced, h, icon } from "./dom.js";
import { isJmespath } from "./one_box.js";
import { completions, understand } from "./understand.js";

const HINT =
  "Words, key:value (status:failed tag:stage=prod metric:loss<0.1 since:2d), or JMESPath as `amlflow run list` takes it.";
const EXAMPLE = "cuda memory  status:failed  since:2d   or   [?metrics.loss < `0.1` && tags.quality=='fantastic run']";
const HISTORY = "amlflow.queries";
const MAX_HISTORY = 20;
const KEYED = /tags|params|properties|metrics/;

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
      "aria-label": "Query: words, key:value or JMESPath",
      list: "amlflow-completions",
      onfocus: () => this.learn(),
      "aria-keyshortcuts": "/",
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
    this.options = h("datalist", { id: "amlflow-completions" });
    this.keys = {};
    this.checked = null; // the JMESPath expression that was checked last, and what is doubtful in it
    this.message = h("div", { id: "amlflow-query-message", class: "amlflow-query-message", role: "status" });
    this.element = h(
      "div",
      { class: "amlflow-query" },
      h("div", { class: "amlflow-affix" }, icon("search"), this.box, this.options),
      this.message,
    );
    this.checkSoon = debounced(() => this.check(), 150);
  }

  set(text) {
    this.applied = text;
    this.box.value = text;
    if (text.trim() && !isJmespath(text.trim())) this.explain(text);
    else if (text.trim() && this.checked?.text !== text) {
      this.tell(HINT);
      this.check();
    } else {
      this.tell((text.trim() && this.checked?.doubts) || HINT);
      this.doubt(text, text);
    }
  }

  // Reads the keys that runs have, which are offered while the user types.
  async learn() {
    this.offer();
    if (this.asked) return;
    this.asked = true;
    try {
      this.keys = await get("keys");
      this.experiments = (await get("experiments")).experiments.map((each) => each.name);
      this.offer();
    } catch {
      this.asked = false; // works without the keys, and tries again later
    }
  }

  offer() {
    const text = this.box.value;
    const offers = text.trim() ? completions(text, this.keys, this.experiments) : history();
    this.options.replaceChildren(...offers.slice(0, 50).map((value) => h("option", { value })));
  }

  typed() {
    const text = this.box.value;
    this.offer();
    this.failed = null;
    if (!text.trim()) {
      this.tell(HINT);
      if (this.applied) this.apply();
    } else this.checkSoon();
  }

  async check() {
    const text = this.box.value;
    if (!text.trim()) return true;
    if (!isJmespath(text.trim())) return this.explain(text);
    let found;
    try {
      found = await get("query/check", { query: text });
    } catch {
      return true; // the search itself will show the error
    }
    if (text !== this.box.value) return false;
    if (found.error) this.fail(found.error, found.place);
    else if (text !== this.failed) {
      this.checked = { text, doubts: found.doubts?.join(" ") };
      this.tell(this.checked.doubts || (text === this.applied ? HINT : "Enter searches"));
      this.doubt(text, text);
    }
    return !found.error;
  }

  // Shows how words and `key:value` are understood.
  explain(text) {
    const { query, parts, hints, error } = understand(text);
    if (error) this.fail(error);
    else {
      this.tell([parts.length ? `Understood: ${parts.join("; ")}.` : "", ...hints].join(" "));
      this.doubt(text, query);
    }
    return !error;
  }

  // Adds which tags, params, properties or metrics of the query the newest runs do not have. A search does not wait
  // for it.
  async doubt(text, query) {
    const told = this.message.firstChild;
    if (!KEYED.test(query)) return;
    // Many runs are read for an answer, and the same text is shown again whenever something else has changed.
    if (this.doubted?.text !== text) this.doubted = { text, answer: get("query/unknown", { query }) };
    const { doubted } = this;
    try {
      const { doubts } = await doubted.answer;
      if (doubts?.length && told === this.message.firstChild && text === this.box.value)
        this.message.append(h("span", { class: "amlflow-doubt" }, ` ${doubts.join(" ")}`));
    } catch {
      if (this.doubted === doubted) this.doubted = null; // the search itself will show what is wrong
    }
  }

  async apply() {
    const text = this.box.value.trim();
    this.failed = this.doubted = null;
    if (text && !(await this.check())) return;
    this.applied = text;
    if (text) remember(text);
    this.onapply(text);
  }

  // Shows what is wrong. The error of a search is shown, too: the answer of a late check does not replace it.
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

// Returns the last queries of this browser.
function history() {
  try {
    const texts = JSON.parse(localStorage.getItem(HISTORY) ?? "[]");
    return Array.isArray(texts) ? texts.filter((text) => typeof text === "string") : [];
  } catch {
    return [];
  }
}

function remember(text) {
  const texts = [text, ...history().filter((other) => other !== text)].slice(0, MAX_HISTORY);
  try {
    localStorage.setItem(HISTORY, JSON.stringify(texts));
  } catch {
    // The browser may not store anything.
  }
}
