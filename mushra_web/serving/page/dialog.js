// Questions and lists that lie over the page.

import { h } from "./dom.js";
import { text } from "./texts.js";

/** Ask; resolves to the key of the button that was pressed, or to the first one on Escape. */
export function ask(title, content, buttons) {
  return new Promise((resolve) => {
    const keys = Object.keys(buttons);
    const close = (key) => {
      dialog.close();
      dialog.remove();
      resolve(key);
    };
    const dialog = h(
      "dialog.dialog",
      { "aria-label": title, cancel: () => close(keys[0]) },
      h("h2", {}, title),
      ...[content].flat(),
      h(
        "div.dialog-buttons",
        {},
        keys.map((key, index) =>
          h(index ? "button" : "button.primary", { type: "button", click: () => close(key) }, buttons[key]),
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("button").focus();
  });
}

/** The list of keys. */
export function showKeys(kind) {
  const rows = text(kind).map(([keys, meaning]) => [h("dt", {}, keys), h("dd", {}, meaning)]);
  return ask(text("keys.title"), h("dl.keys", {}, rows), { close: text("keys.close") });
}

/** A short remark at the foot of the page that goes away by itself. */
export function remark(message) {
  document.querySelector(".remark")?.remove();
  const element = h("div.remark", { role: "status" }, message);
  document.body.append(element);
  setTimeout(() => element.remove(), 3500);
}

export function dialogIsOpen() {
  return document.querySelector("dialog[open]") !== null;
}
