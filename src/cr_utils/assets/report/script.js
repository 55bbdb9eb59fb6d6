"use strict";
// Sorting, stepping through runs, and the theme. Without this script the page still shows everything.

function sortable(table) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((head, column) => head.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    table.querySelectorAll("thead th").forEach(other => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = row => { const cell = row.cells[column]; return cell.dataset.v ?? cell.textContent.trim(); };
    const rows = [...body.rows].map((row, place) => ({ row, place, value: value(row) }));
    rows.sort((a, b) => {
      // Cells without a value stay last, whichever way one sorts.
      if (a.value === "" || b.value === "") return (a.value === "") - (b.value === "") || a.place - b.place;
      const numbers = Number(a.value) - Number(b.value);
      const order = Number.isNaN(numbers) ? a.value.localeCompare(b.value, "en", { numeric: true }) : numbers;
      return (down ? -order : order) || a.place - b.place;
    });
    body.append(...rows.map(entry => entry.row));
  }));
}

function stepper(root) {
  const steps = JSON.parse(root.dataset.steps), lines = root.querySelectorAll(".program .line");
  const controls = root.querySelector(".controls"), slider = controls.querySelector("input");
  const output = controls.querySelector("output"), list = root.querySelector(".variables");
  slider.max = steps.length - 1;
  controls.hidden = list.hidden = false;
  const show = at => {
    slider.value = at;
    const step = steps[at], values = new Map();
    // Each call has names of its own: only those of the frame at hand are shown.
    for (const past of steps.slice(0, at + 1)) if (past.frame === step.frame)
      for (const [name, value] of Object.entries(past.set)) value === null ? values.delete(name) : values.set(name, value);
    lines.forEach(line => line.classList.toggle("now", Number(line.dataset.line) === step.line));
    output.textContent = `step ${at + 1} of ${steps.length}, ` + (step.line ? `after line ${step.line}` : "the call");
    list.replaceChildren(...[...values].flatMap(([name, value]) => {
      const term = document.createElement("dt"), text = document.createElement("dd");
      term.textContent = name;
      text.textContent = value;
      text.classList.toggle("new", name in step.set);
      return [term, text];
    }));
  };
  controls.querySelectorAll("button").forEach(button => button.addEventListener("click", () =>
    show(Math.min(steps.length - 1, Math.max(0, Number(slider.value) + Number(button.dataset.go))))));
  slider.addEventListener("input", () => show(Number(slider.value)));
  show(0);
}

document.querySelectorAll("table.sortable").forEach(sortable);
document.querySelectorAll(".stepper").forEach(stepper);
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
// A link to a folded block opens it.
addEventListener("hashchange", () => document.getElementById(location.hash.slice(1))?.querySelector("details")
  ?.setAttribute("open", ""));
