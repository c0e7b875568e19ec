"use strict";
const root = document.documentElement;

// Theme: the system's until it is chosen; a page from a file may have no storage.
const themeButton = document.getElementById("theme");
const systemDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme || (systemDark.matches ? "dark" : "light")) === "dark";
const nameTheme = () => { themeButton.textContent = isDark() ? "Light" : "Dark"; };
try { const kept = localStorage.getItem("drivesim-theme"); if (kept) root.dataset.theme = kept; } catch {}
themeButton.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.setItem("drivesim-theme", root.dataset.theme); } catch {}
  nameTheme();
});
systemDark.addEventListener("change", nameTheme);
nameTheme();

// Tables: numbers fall first, names rise first.
for (const table of document.querySelectorAll(".sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => header.querySelector("button").addEventListener("click", () => {
    const first = column ? "descending" : "ascending", second = column ? "ascending" : "descending";
    const order = header.getAttribute("aria-sort") === first ? second : first;
    for (const other of headers) other.setAttribute("aria-sort", other === header ? order : "none");
    const sign = order === "ascending" ? 1 : -1;
    const names = new Intl.Collator("en", { numeric: true });
    const compare = column
      ? (a, b) => Number(a.cells[column].dataset.value) - Number(b.cells[column].dataset.value)
      : (a, b) => names.compare(a.cells[0].textContent, b.cells[0].textContent);
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => sign * compare(a, b)));
  }));
}

// One track, large.
const dialog = document.getElementById("detail");
function show(card) {
  document.getElementById("detail-name").textContent = card.querySelector(".card-name").textContent;
  const map = card.querySelector(".map").cloneNode(true);
  map.setAttribute("viewBox", map.dataset.box);
  document.getElementById("detail-map").replaceChildren(map);
  document.getElementById("detail-values").replaceChildren(...[...card.querySelectorAll(".details > span")].map((item) => {
    const row = document.createElement("div"), term = document.createElement("dt"), value = document.createElement("dd");
    term.textContent = item.dataset.label;
    value.textContent = item.textContent;
    row.append(term, value);
    return row;
  }));
  dialog.showModal();
  dialog.scrollTop = 0;
}
for (const card of document.querySelectorAll(".card")) card.addEventListener("click", () => show(card));
for (const link of document.querySelectorAll("[data-track]"))
  link.addEventListener("click", () => show(document.getElementById(link.dataset.track)));
document.getElementById("detail-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

// Several drivers: one is shown at a time.
const switches = document.querySelectorAll("[data-show]");
for (const button of switches) button.addEventListener("click", () => {
  for (const other of switches) other.setAttribute("aria-pressed", String(other === button));
  for (const policy of document.querySelectorAll(".policy")) policy.hidden = policy.dataset.policy !== button.dataset.show;
});

// Films: some phones play a blob where they refuse a data URI.
for (const video of document.querySelectorAll("video[data-src]")) {
  const [head, content] = video.dataset.src.split(",");
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  video.src = URL.createObjectURL(new Blob([bytes], { type: head.slice(5, head.indexOf(";")) }));
  delete video.dataset.src;
}
