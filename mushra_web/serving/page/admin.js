// The admin's view. The token comes in the fragment of the address, which no server ever sees.

import { boxplot } from "./boxplot.js";
import { h } from "./dom.js";
import { call } from "./server.js";

const KEY = "codecbench.admin";
const REFRESH_MS = 5000;
const view = document.getElementById("view");

const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname);
}

async function refresh() {
  const token = sessionStorage.getItem(KEY);
  if (!token) {
    askForToken("");
    return;
  }
  try {
    show(await call("GET", "/admin/api/overview", { token }));
    document.getElementById("updated").textContent = `Updated ${new Date().toLocaleTimeString()}`;
  } catch (error) {
    if (error.status === 401) {
      sessionStorage.removeItem(KEY);
      askForToken(error.message);
      return;
    }
    document.getElementById("updated").textContent = `${error.message} Trying again…`;
  }
  setTimeout(refresh, REFRESH_MS);
}

function askForToken(message) {
  const input = h("input", { type: "password", autocomplete: "off", required: true });
  const submit = (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, input.value.trim());
    refresh();
  };
  const label = h("label.field", {}, h("span.field-label", {}, "Token"), input);
  const button = h("div.page-foot", {}, h("button.primary", {}, "Open"));
  const hint = h("p.hint", { role: "alert" }, message || "The server printed it when it started.");
  view.replaceChildren(h("section.card.page", {}, h("h2", {}, "Admin"), h("form.questionnaire", { submit }, label, hint, button)));
  input.focus();
}

function show({ test, items, listeners, conditions }) {
  document.title = `${test.title}: admin`;
  document.getElementById("title").textContent = test.title;
  document.getElementById("download").disabled = false;
  const finished = listeners.filter((listener) => listener.finished).length;
  const answered = items.reduce((sum, item) => sum + item.listeners, 0);
  const scroll = scrollY;
  view.replaceChildren(
    h(
      "div.admin",
      {},
      h(
        "section.card.wide.figures",
        {},
        figure(listeners.length, "listeners began"),
        figure(finished, "finished"),
        figure(answered, "trials answered"),
        figure(test.method.toUpperCase(), "method"),
      ),
      h(
        "section.card.wide",
        {},
        h("h2", {}, "Scores so far"),
        conditions.length ? boxplot(conditions, test.scale) : h("p.hint", {}, "No ratings yet."),
      ),
      h("section.card", {}, h("h2", {}, "Items"), itemsTable(items)),
      h("section.card", {}, h("h2", {}, "Listeners"), listenersTable(listeners)),
    ),
  );
  scrollTo(0, scroll);
}

function figure(value, name) {
  return h("div", {}, h("strong", {}, String(value)), name);
}

function table(head, rows) {
  const cells = (kind, values) => values.map((value) => h(kind, {}, value));
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, cells("th", head))),
    h("tbody", {}, rows.map((row) => h("tr", {}, cells("td", row)))),
  );
}

function meter(share) {
  const bar = h("div");
  bar.style.width = `${100 * share}%`;
  return h("div.meter", {}, bar);
}

function itemsTable(items) {
  const most = Math.max(1, ...items.map((item) => item.listeners));
  return table(
    ["Item", "Category", "Listeners", ""],
    items.map((item) => [item.item, item.category, String(item.listeners), meter(item.listeners / most)]),
  );
}

function listenersTable(listeners) {
  return table(
    ["No.", "Participant", "Trials", "Last seen", "State", "Code"],
    listeners.map((listener) => [
      listener.number === null ? "–" : String(listener.number + 1),
      Object.values(listener.participant)[0] ?? listener.session,
      `${listener.trials_done} / ${listener.trials}`,
      new Date(listener.seen).toLocaleTimeString(),
      listener.finished ? "finished" : listener.screening === "failed" ? "no headphones" : "under way",
      listener.completion,
    ]),
  );
}

document.getElementById("download").addEventListener("click", async () => {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEY)}` };
  const response = await fetch("/admin/api/ratings.csv", { headers });
  if (!response.ok) {
    document.getElementById("updated").textContent = "The ratings could not be read.";
    return;
  }
  const link = h("a", { href: URL.createObjectURL(await response.blob()), download: "ratings.csv" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

refresh();
