// The programs to browse: filters, the list, one program with its run and every model's answer.

function browser(root, told) {
  const { programs, labels } = told, form = root.querySelector("form"), list = root.querySelector(".list");
  const one = root.querySelector(".one"), found = root.querySelector(".found");
  const label = (kind, name) => labels[kind]?.[name] ?? name;
  let shown = programs, current = null;

  function choices(name, first, values) {
    form.elements[name].replaceChildren(new Option(first, ""), ...values.map(value =>
      new Option(label(name, value), value)));
  }
  const distinct = of => [...new Set(programs.flatMap(of))];
  const models = Object.keys(labels.model).filter(model => programs.some(p => model in p.answers))
    .concat(distinct(p => Object.keys(p.answers)).filter(model => !(model in labels.model)));
  choices("benchmark", "all", distinct(p => [p.benchmark]));
  choices("task", "all", distinct(p => [p.task]));
  choices("model", "any", models);
  const kinds = distinct(p => Object.values(p.answers).map(a => a.kind)).filter(kind => kind !== "pass").sort();
  choices("verdict", "any", ["right", "wrong", "differ", ...kinds]);

  function fits(program) {
    const { benchmark, task, model, verdict, text } = Object.fromEntries(new FormData(form));
    const answers = model ? [program.answers[model]].filter(Boolean) : Object.values(program.answers);
    const passes = { "": () => answers.length, right: () => answers.some(a => a.right),
      wrong: () => answers.some(a => !a.right),
      differ: () => new Set(Object.values(program.answers).map(a => a.right)).size > 1 };
    return (!benchmark || program.benchmark === benchmark) && (!task || program.task === task)
      && (passes[verdict] ?? (() => answers.some(a => a.kind === verdict)))()
      && (!text || `${program.id}\n${program.code}\n${program.query}\n${program.output}`.toLowerCase()
        .includes(text.toLowerCase()));
  }

  function entry(program) {
    const marks = models.filter(model => model in program.answers).map(model => make("i", {
      className: program.answers[model].right ? "good" : "bad", title: label("model", model)
        + (program.answers[model].right ? ": right" : ": wrong") }));
    const made = make("button", { type: "button" }, make("span", { className: "marks" }, ...marks),
      make("small", { textContent: program.task }), make("code", { textContent: program.call }));
    made.setAttribute("role", "option");
    made.dataset.id = program.id;
    made.addEventListener("click", () => show(program, true));
    return made;
  }

  function filter() {
    shown = programs.filter(fits);
    found.textContent = `${shown.length} of ${programs.length} questions`;
    list.replaceChildren(...shown.map(entry));
    if (shown.length) show(shown.includes(current) ? current : shown[0]);
    else one.replaceChildren(make("p", { className: "missing", textContent: "— no question fits these filters" }));
  }

  function run(program) {
    const code = make("code", {}, ...program.code.split("\n").map((text, i) => {
      const line = make("span", { className: "line", textContent: (text || " ") + "\n" });
      line.dataset.line = i + 1;
      line.classList.toggle("asked", i + 1 === program.line);
      return line;
    }));
    const button = (go, text, name) => { const made = make("button", { type: "button", textContent: text });
      made.dataset.go = go; made.setAttribute("aria-label", name); return made; };
    const slider = make("input", { type: "range", min: 0, value: 0 });
    slider.setAttribute("aria-label", "step");
    const made = make("div", { className: "stepper" }, make("div", { className: "side" },
      make("pre", { className: "program" }, code)), make("div", { className: "side" },
      make("div", { className: "controls", hidden: true }, button(-1e9, "|◀", "to the start"), button(-1, "◀", "back"),
        button(1, "step ▶", "step"), button(1e9, "▶|", "to the end"), slider, make("output", {})),
      make("dl", { className: "variables", hidden: true })));
    if (program.steps.length) stepper(made, program.steps);
    else made.append(make("p", { className: "missing", textContent: "— no trace: the program is not ours" }));
    return made;
  }

  // A chain in numbered lines; the first step that leaves the run is marked.
  function chain(text, wrong) {
    let step = 0;
    const inside = /<reasoning>/.test(text);
    return make("pre", { className: "chain" }, make("code", {}, ...text.split("\n").map(row => {
      const counts = inside && row.trim() && !/^\s*<\/?(reasoning|answer)/.test(row) && !/<answer>/.test(row);
      if (counts) step += 1;
      const made = make("span", { className: "line", textContent: (row || " ") + "\n" });
      made.dataset.line = counts ? step : "";
      made.classList.toggle("wrong", Boolean(counts && wrong === step));
      return made;
    })));
  }

  function answer(model, given) {
    const mark = make("span", { className: `badge ${given.right ? "good" : "bad"}`, textContent: given.kind });
    const said = make("code", { textContent: given.answer ?? "—" });
    const parts = [`${given.tokens ?? 0} tokens`, given.detail && given.detail !== given.kind ? given.detail : null,
      given.first_wrong ? `leaves the run at step ${given.first_wrong} (${given.departure ?? "?"})` : null];
    return make("details", { className: "answer" }, make("summary", {}, make("b", { textContent: label("model", model) }),
      mark, said, make("small", { textContent: parts.filter(Boolean).join(" · ") })),
      given.text === null || given.text === undefined ? make("p", { className: "missing", textContent: "— text not recorded" })
        : chain(given.text, given.first_wrong));
  }

  function show(program, open) {
    current = program;
    list.querySelectorAll("button").forEach(made => made.setAttribute("aria-selected", made.dataset.id === program.id));
    const chosen = list.querySelector("[aria-selected=true]");
    if (chosen) list.scrollTop = chosen.offsetTop - list.clientHeight / 3;
    const go = (step, text) => { const at = shown.indexOf(program) + step;
      const made = make("button", { type: "button", textContent: text, disabled: !shown[at] });
      made.addEventListener("click", () => show(shown[at])); return made; };
    const cell = program.constraint ? [program.constraint.type, program.constraint.method, program.constraint.setting,
      program.constraint.depth ? `depth ${program.constraint.depth}` : null].filter(Boolean).join(" · ") : "";
    const asks = program.task === "input" ? "any arguments that give it, for example" : "right:";
    const rights = program.task === "input" ? [program.call] : program.truth;
    const record = make("a", { className: "number", href: "05_eval/items.jsonl", textContent: "record" });
    record.dataset.name = program.id;
    record.title = `from the rows question_id=${program.id}, task=${program.task} of 05_eval/items.jsonl`;
    const all = models.filter(model => model in program.answers).map(model => answer(model, program.answers[model]));
    one.replaceChildren(
      make("div", { className: "head" }, make("div", {}, make("span", { className: "badge", textContent: program.task }), " ",
        make("span", { className: "badge", textContent: label("benchmark", program.benchmark) }), " ",
        make("small", { textContent: cell })), make("div", { className: "pager" }, go(-1, "‹ previous"), go(1, "next ›"))),
      make("p", { className: "ask" }, make("code", { textContent: program.query }), make("br"),
        make("small", { textContent: asks }), " ", ...rights.flatMap((text, i) => [i ? " or " : "",
          make("code", { className: "right", textContent: text })])),
      run(program), make("h4", { textContent: "What the models answered" }), ...all,
      program.chain ? make("details", { className: "answer teacher" }, make("summary", {},
        make("b", { textContent: "interpreter" }), make("span", { className: "badge good", textContent: "verified" }),
        make("small", { textContent: "the run in words, as instruction tuning teaches it" })), chain(program.chain)) : null,
      make("p", { className: "source" }, make("code", { textContent: program.id }), " · ", record));
    const chosenModel = form.elements.model.value;
    const first = all[models.filter(model => model in program.answers).indexOf(chosenModel)] ?? all.at(-1);
    if (first) first.open = true;
    if (open && innerWidth < 700) one.scrollIntoView({ block: "start" });
  }

  function byHash() {
    const asked = decodeURIComponent(location.hash).match(/^#program=(.*)$/);
    const program = asked && programs.find(p => p.id === asked[1]);
    if (program) { form.reset(); current = program; filter(); root.scrollIntoView(); }
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  root.hidden = false;
  filter();
  addEventListener("hashchange", byHash);
  byHash();
}

const programs = document.getElementById("programs");
if (programs) browser(document.getElementById("browser"), JSON.parse(programs.textContent));
