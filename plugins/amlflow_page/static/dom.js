// Elements, icons, menus, dialogs and messages.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

// Replaces the children of an element. If one of them had the focus, the new child with its text gets the focus, or
// else the first enabled button.
export function replaceContent(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement.textContent : null;
  element.replaceChildren(...children.filter(Boolean));
  if (focused === null) return;
  const stops = [...element.querySelectorAll("button:not([disabled]), a[href]")];
  const same = stops.find((stop) => stop.textContent === focused);
  (same ?? stops.find((stop) => stop.matches("button")))?.focus();
}

// Sets the text of an element. The same text is not set again: screen readers would read it again.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Puts elements into another one instead of all its children. Those that are there already stay where they are, so
// that the one with the focus keeps it.
export function placeChildren(parent, elements) {
  const kept = new Set(elements);
  for (const each of [...parent.children]) if (!kept.has(each)) each.remove();
  let next = parent.firstElementChild;
  for (const element of elements) {
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
  }
}

const PATHS = {
  runs: "M2 3.5h12M2 8h12M2 12.5h12",
  down: "M4 6l4 4 4-4",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7L14.5 14.5",
  columns: "M2 2.5h12v11H2zM6 2.5v11M10 2.5v11",
  lock: "M4 7h8v6.5H4zM5.5 7V5a2.5 2.5 0 0 1 5 0v2",
  view: "M5 5h9v9H5zM2 11V2h9",
  close: "M4 4l8 8M12 4l-8 8",
  refresh: "M13 8a5 5 0 1 1-1.5-3.5L13 6M13 2.5V6H9.5",
  up: "M8 13V3.5M4 7.5l4-4 4 4",
  descending: "M8 3v9.5M4 8.5l4 4 4-4",
  chart: "M2.5 2.5v11h11M5 10.5l3-4 2.5 2.5 3-5",
  right: "M6 4l4 4-4 4",
  stop: "M3.5 3.5h9v9h-9z",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "amlflow-icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

export function button(label, onclick, { kind = "", symbol, ...attributes } = {}) {
  const classes = `amlflow-button ${kind}`.trim();
  return h(
    "button",
    { type: "button", class: classes, onclick, ...attributes },
    symbol && icon(symbol),
    h("span", {}, label),
  );
}

// Returns a button of which a narrow window shows the icon only.
export function compactButton(label, onclick, options) {
  return button(label, onclick, { kind: "is-icon-when-narrow", title: label, ...options });
}

// Returns a button with a panel below it. `fill(panel, close)` makes the panel's content when it opens.
export function menu(label, fill, { symbol, ...attributes } = {}) {
  const panel = h("div", { class: "amlflow-panel", role: "group", "aria-label": label, hidden: true });
  const text = h("span", {}, label);
  const opener = h(
    "button",
    {
      type: "button",
      class: "amlflow-button",
      "aria-expanded": "false",
      onclick: () => (panel.hidden ? open() : close()),
      ...attributes,
    },
    symbol && icon(symbol),
    text,
    icon("down"),
  );
  const root = h("div", { class: "amlflow-menu" }, opener, panel);

  function open() {
    panel.replaceChildren();
    fill(panel, close);
    panel.hidden = false;
    opener.setAttribute("aria-expanded", "true");
    const space = document.documentElement.clientWidth - root.getBoundingClientRect().left;
    panel.classList.toggle("to-left", space < panel.offsetWidth + 8);
    panel.querySelector("input, button, a")?.focus();
    document.addEventListener("pointerdown", outside, true);
  }
  function close(andFocus = true) {
    if (panel.hidden) return;
    panel.hidden = true;
    opener.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    if (andFocus === true) opener.focus();
  }
  function outside(event) {
    if (!root.contains(event.target)) close(false);
  }
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) {
      event.stopPropagation();
      close();
    } else if (event.key === "ArrowDown" && panel.hidden && event.target === opener) {
      event.preventDefault();
      open();
    } else if (!panel.hidden && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault();
      const stops = [...panel.querySelectorAll("input, button, a[href]")];
      const next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
      stops[(next + stops.length) % stops.length]?.focus();
    }
  });
  root.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !root.contains(event.relatedTarget)) close(false);
  });
  root.setLabel = (shown, isSet) => {
    text.textContent = shown;
    opener.classList.toggle("is-set", isSet);
  };
  return root;
}

// Adds checkboxes to a panel. With `more`, the user can name something that is not among the options.
export function checklist(panel, label, options, chosen, onchange, { more = false } = {}) {
  const list = h("div", { class: "amlflow-checklist" });
  const find = h("input", {
    type: "text",
    class: "amlflow-input",
    placeholder: more ? "Find or add" : "Find",
    "aria-label": `Find in ${label}`,
    oninput: show,
    onkeydown: (event) => {
      if (event.key !== "Enter") return;
      const value = find.value.trim();
      const found = options.filter((option) => matches(option, value));
      if (more && value && !found.length) {
        options.push(value);
        toggle(value, true);
        find.value = "";
        show();
      } else if (found.length === 1) {
        toggle(found[0], !chosen.has(found[0]));
        show();
      }
    },
  });
  function matches(option, text) {
    return option.toLowerCase().includes(text.toLowerCase());
  }
  function toggle(option, on) {
    on ? chosen.add(option) : chosen.delete(option);
    onchange([...chosen]);
  }
  function show() {
    const shown = options.filter((option) => matches(option, find.value));
    list.replaceChildren(
      ...shown.map((option) =>
        h(
          "label",
          {},
          h("input", {
            type: "checkbox",
            checked: chosen.has(option),
            onchange: (event) => toggle(option, event.target.checked),
          }),
          h("span", {}, option),
        ),
      ),
    );
    if (!shown.length) {
      const hint = more && find.value ? `Enter adds “${find.value}”` : "Nothing found";
      list.append(h("p", { class: "amlflow-hint" }, hint));
    }
  }
  if (more || options.length > 7) panel.append(find);
  panel.append(list);
  show();
}

// Asks in a modal dialog. Resolves to the text of the box (true without a box), or to null if it is dismissed.
// `more` is another element to show. With `dismiss` null there is only one button. `other` is the label of a second
// choice, which resolves to "other".
export function ask({ title, text, confirm, other, dismiss = "Close", danger = false, value, more }) {
  return new Promise((resolve) => {
    const box =
      value == null
        ? null
        : h("input", {
            type: "text",
            class: "amlflow-input",
            value,
            "aria-label": title,
            maxlength: 200,
            required: true,
          });
    const form = h(
      "form",
      {
        method: "dialog",
        onsubmit: () => {
          dialog.returnValue = "yes";
        },
      },
      h("h2", { id: "amlflow-dialog-title" }, title),
      text && h("p", {}, text),
      box,
      more,
      h(
        "div",
        { class: "amlflow-dialog-buttons" },
        dismiss && button(dismiss, () => dialog.close("")),
        other && button(other, () => dialog.close("other")),
        h("button", { type: "submit", class: `amlflow-button ${danger ? "danger" : "primary"}` }, confirm),
      ),
    );
    const dialog = h("dialog", { class: "amlflow amlflow-dialog", "aria-labelledby": "amlflow-dialog-title" }, form);
    dialog.addEventListener("close", () => {
      const answers = { yes: box ? box.value.trim() : true, other: "other" };
      dialog.remove();
      resolve(answers[dialog.returnValue] ?? null);
    });
    document.body.append(dialog);
    dialog.showModal();
    box?.select();
  });
}

let messages = null; // made with the page: this file is also read where there is none

// Puts the place of messages into the page. Screen readers read only what comes into a place that is there already.
export function placeMessages() {
  messages ??= h("div", { class: "amlflow amlflow-messages", role: "status", "aria-live": "polite" });
  if (!messages.isConnected) document.body.append(messages);
}

// Shows a message for some seconds. Screen readers read it aloud.
export function say(text, isError = false) {
  placeMessages();
  const message = h("div", { class: isError ? "is-error" : "" }, text);
  message.append(
    h(
      "button",
      { type: "button", class: "amlflow-plain", "aria-label": "Dismiss", onclick: () => message.remove() },
      icon("close"),
    ),
  );
  messages.append(message);
  setTimeout(() => message.remove(), isError ? 12000 : 5000);
}

export function debounced(action, milliseconds) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...args), milliseconds);
  };
}
