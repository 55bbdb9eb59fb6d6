"use strict";
// Sorting, stepping through runs, where a number comes from, and the theme. Without it the page still shows everything.

function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

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

// The run of a program in `root` (lines, controls, variables), one step at a time.
function stepper(root, steps) {
  const lines = [...root.querySelectorAll(".program .line")], controls = root.querySelector(".controls");
  const slider = controls.querySelector("input"), output = controls.querySelector("output");
  const list = root.querySelector(".variables"), buttons = [...controls.querySelectorAll("button")];
  const frames = new Set(steps.map(step => step.frame)).size, ran = new Set(steps.map(step => step.line));
  lines.forEach(line => line.classList.toggle("never", !ran.has(Number(line.dataset.line))));
  slider.max = steps.length - 1;
  controls.hidden = list.hidden = false;
  const show = at => {
    slider.value = at;
    const step = steps[at], values = new Map();
    // Each call has names of its own: only those of the frame at hand are shown.
    for (const past of steps.slice(0, at + 1)) if (past.frame === step.frame)
      for (const [name, value] of Object.entries(past.set)) value === null ? values.delete(name) : values.set(name, value);
    const told = Object.entries(step.set).map(([name, value]) => value === null ? `${name} deleted` : `${name} = ${value}`);
    lines.forEach(line => {
      const now = Number(line.dataset.line) === step.line;
      line.classList.toggle("now", now);
      if (now) line.dataset.told = told.join(", "); else delete line.dataset.told;
    });
    output.textContent = `step ${at + 1} of ${steps.length}, ` + (step.line ? `after line ${step.line}` : "the call")
      + (frames > 1 ? `, frame ${step.frame + 1} of ${frames}` : "");
    buttons.forEach(button => { button.disabled = Number(button.dataset.go) < 0 ? at === 0 : at === steps.length - 1; });
    list.replaceChildren(...[...values].flatMap(([name, value]) => [make("dt", { textContent: name }),
      make("dd", { textContent: value, className: name in step.set ? "new" : "" })]));
    if (!values.size) list.append(make("dt", { textContent: "no variables yet" }));
  };
  buttons.forEach(button => button.addEventListener("click", () =>
    show(Math.min(steps.length - 1, Math.max(0, Number(slider.value) + Number(button.dataset.go))))));
  slider.addEventListener("input", () => show(Number(slider.value)));
  show(0);
}

async function copy(element) {
  const text = element.dataset.copy ?? element.textContent;
  try { await navigator.clipboard.writeText(text); } catch { getSelection().selectAllChildren(element); return; }
  element.classList.add("copied");
  setTimeout(() => element.classList.remove("copied"), 1200);
}

// Where a number comes from: its record and hash, the rows, the command; for an accuracy, how to count it again.
const dialog = document.getElementById("source"), hashes = JSON.parse(document.getElementById("hashes").textContent);

function rowsOf(anchor) {
  if (anchor.title) return anchor.title;
  const row = anchor.closest("tr"), heads = anchor.closest("table")?.tHead.rows[0].cells;
  if (!row || !heads) return "";
  return [...row.cells].flatMap((cell, i) => cell.classList.contains("num") || cell.dataset.v !== undefined
    || cell.textContent === "—" ? [] : [`${heads[i].textContent}=${cell.textContent}`]).join(", ");
}

function recount(record, rows) {
  const keys = Object.fromEntries([...rows.matchAll(/(\w+)=([\w.-]+)/g)].map(found => [found[1], found[2]]));
  if (record !== "05_eval/items.jsonl" || !(keys.model && keys.benchmark && keys.task) || keys.mode === "parity"
      || !["output", "input", "coverage", "path", "state"].includes(keys.task)) return null;
  return `python -c "import json; rows = [r for r in map(json.loads, open('${record}')) if (r['model'], r['benchmark'], `
    + `r['task'], r.get('sample') or 0) == ('${keys.model}', '${keys.benchmark}', '${keys.task}', 0)]; `
    + `print(sum(r['verdict'] for r in rows), 'of', len(rows))"`;
}

function tell(anchor) {
  const record = anchor.getAttribute("href"), stage = record.split("/")[0], rows = rowsOf(anchor);
  const whole = record.replace(".facts.jsonl.gz", ".jsonl");  // what facts are kept of
  const entry = (name, ...content) => [make("dt", { textContent: name }), make("dd", {}, ...content)];
  const command = text => make("code", { className: "command" },
    ...text.split(" ").flatMap(word => [" ", make("span", { textContent: word })]).slice(1));
  const again = recount(record, rows), heading = anchor.dataset.name ?? anchor.textContent;
  dialog.replaceChildren(make("h3", { id: "source-title", textContent: heading }), make("dl", {},
    ...(rows ? entry("rows", rows.replace(/^from the rows /, "").replace(/ of \S+$/, "")) : []),
    ...entry("record", make("a", { href: record, textContent: record })),
    ...(whole !== record ? entry("facts of", `${whole}, which the command makes`) : []),
    ...(hashes.files[whole] ? entry("sha256", make("code", { textContent: hashes.files[whole] })) : []),
    ...entry("made by", command(`python -m cr_utils run ${stage} --profile ${hashes.profile}`)),
    ...(again ? entry("count again", make("small", { textContent: "in the folder of this page" }), command(again)) : [])),
    make("form", { method: "dialog" }, make("button", { textContent: "close" })));
  dialog.showModal();
}

document.addEventListener("click", event => {
  const command = event.target.closest("code.command"), anchor = event.target.closest("td.num a, td a[title], a.number");
  if (command) copy(command);
  else if (anchor && !event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); tell(anchor); }
  else if (event.target === dialog) dialog.close();
});

document.querySelectorAll("table.sortable").forEach(sortable);
document.querySelectorAll(".stepper[data-steps]").forEach(root => stepper(root, JSON.parse(root.dataset.steps)));
document.querySelectorAll("code.command").forEach(code => { code.title = "click to copy"; });
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
// A link to a folded block opens it.
addEventListener("hashchange", () => document.getElementById(location.hash.slice(1))?.querySelector("details")
  ?.setAttribute("open", ""));
// The section at hand is marked in the contents.
const contents = new Map([...document.querySelectorAll("nav a")].map(link => [link.hash.slice(1), link]));
const watcher = new IntersectionObserver(seen => seen.forEach(one => {
  if (!one.isIntersecting) return;
  contents.forEach(link => link.removeAttribute("aria-current"));
  const link = contents.get(one.target.id);
  link.setAttribute("aria-current", "true");
  const bar = link.parentElement;
  if (bar.scrollWidth > bar.clientWidth) bar.scrollTo({ left: link.offsetLeft - bar.clientWidth / 3 });
}), { rootMargin: "-20% 0px -75% 0px" });
document.querySelectorAll("main > section").forEach(section => watcher.observe(section));
