"""The report page in a real browser: it opens without a fault or a request, and what can be clicked works."""

import json
import shutil
import subprocess
import sys

import pytest

from cr_utils import paths, report

WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def folder(smoke, tmp_path_factory):
    """The smoke run's page, made anew in a copy of its records."""
    made = tmp_path_factory.mktemp("page") / "smoke"
    shutil.copytree(smoke / "smoke", made, ignore=shutil.ignore_patterns("model", "arms", "*.ipynb"))
    report.build("smoke", made)
    return made


@pytest.fixture(params=WIDTHS)
def opened(request, browser, folder):
    # A notebook that is still open complains of its server until it is left.
    browser.call("Page.navigate", url="about:blank")
    browser.wait("location.href === 'about:blank'")
    browser.errors.clear()
    browser.requests.clear()
    browser.size(request.param)
    browser.open((folder / "index.html").as_uri())
    yield browser
    assert browser.errors == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []


def test_nothing_is_wider_than_the_window(opened):
    assert opened.run("document.documentElement.scrollWidth <= innerWidth")
    assert opened.run("document.querySelectorAll('main > section').length") == 9


def test_tables_sort_both_ways_and_keep_dashes_last(opened):
    table = "document.querySelector('#evaluation table.sortable')"
    column = f"[...{table}.tBodies[0].rows].map(row => row.cells[2].dataset.v)"
    for order in (1, -1):
        opened.click("#evaluation table.sortable thead th:nth-child(3) button")
        numbers = [float(text) for text in opened.run(column) if text]
        assert numbers == sorted(numbers,
                                 key=lambda number, order=order: order * number) and len(set(numbers)) > 1


def test_a_number_says_where_it_comes_from_and_how_to_count_it_again(opened, folder):
    opened.click(".strip .value a")
    opened.wait("document.getElementById('source').open")
    told = opened.run("document.getElementById('source').textContent")
    manifest = json.loads((folder / "05_eval/manifest.json").read_text())
    assert manifest["outputs"]["items.jsonl"] in told
    assert "python -m cr_utils run 05_eval --profile smoke" in told
    command = opened.run("[...document.querySelectorAll('#source code.command')].at(-1).textContent")
    counted = subprocess.run(command.replace("python", sys.executable, 1), shell=True, cwd=folder, text=True,
                             capture_output=True, check=True).stdout.split()
    shown = opened.run("document.querySelector('.strip .value a').textContent")
    assert shown == f"{100 * int(counted[0]) / int(counted[2]):.1f} %"
    opened.click("#source button")
    assert not opened.run("document.getElementById('source').open")


def test_every_number_of_the_tables_has_a_record_that_exists(opened, folder):
    links = opened.run("[...new Set([...document.querySelectorAll('td.num a, a.number')]"
                       ".map(a => a.getAttribute('href')))]")
    assert links and all((folder / link).is_file() for link in links)


def test_programs_are_filtered_by_task_model_and_verdict(opened):
    def chosen(name, value):
        opened.run(f"""(() => {{ const field = document.querySelector('.filters [name={name}]');
            field.value = {value!r}; field.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()""")
        return opened.run("document.querySelectorAll('#browser .list button').length")
    told = "JSON.parse(document.getElementById('programs').textContent).programs"
    all_of_them = opened.run(f"{told}.length")
    assert chosen("task", "") == all_of_them > 20
    assert chosen("task", "state") == opened.run(f"{told}.filter(p => p.task === 'state').length") > 0
    chosen("model", "base_direct")
    right, wrong = chosen("verdict", "right"), chosen("verdict", "wrong")
    assert right + wrong == opened.run(f"{told}.filter(p => p.task === 'state' && "
                                       "p.answers.base_direct).length")
    assert opened.run("document.querySelector('.one .answer[open] summary b').textContent") == "base, direct"
    assert chosen("text", "no such text") == 0 and opened.run("!!document.querySelector('.one .missing')")
    opened.click(".filters button[type=reset]")
    opened.wait(f"document.querySelectorAll('#browser .list button').length === {all_of_them}")


def test_a_run_is_stepped_through_with_the_values_of_its_variables(opened):
    steps = opened.run("JSON.parse(document.getElementById('programs').textContent).programs[0].steps")
    values = "Object.fromEntries([...document.querySelectorAll('.one .variables dt')].map(t => " \
             "[t.textContent, t.nextElementSibling.textContent]))"
    assert opened.run(values) == steps[0]["set"]
    for at, step in enumerate(steps[1:3], 2):
        opened.click(".one .controls button[data-go='1']")
        assert f"step {at} of {len(steps)}" in opened.run("document.querySelector('.one output').textContent")
        assert opened.run("Number(document.querySelector('.one .line.now').dataset.line)") == step["line"]
    opened.click(".one .controls button:nth-of-type(4)")
    known = {}
    for step in steps:
        known.update(step["set"] if step["frame"] == steps[-1]["frame"] else {})
    assert opened.run(values) == {name: text for name, text in known.items() if text is not None}
    opened.click("#browser .list button:nth-child(2)")
    assert opened.run("document.querySelectorAll('.one details.answer').length") >= 5


def test_the_theme_can_be_switched_and_figures_follow(opened):
    paper = "getComputedStyle(document.body).backgroundColor"
    before = opened.run(paper)
    opened.run("scrollTo({top: 0, behavior: 'instant'})")
    opened.click("#theme")
    assert opened.run(paper) != before
    plot = "getComputedStyle(document.querySelector('.plot')).backgroundColor"
    assert opened.run(plot) != "rgb(255, 255, 255)"


def test_it_prints_without_controls_and_with_the_answers(opened):
    opened.call("Emulation.setEmulatedMedia", media="print")
    assert opened.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert opened.run("getComputedStyle(document.querySelector('.filters')).display") == "none"
    assert opened.run("document.querySelector('.one details.answer pre').getBoundingClientRect().height") > 0


def test_the_page_of_the_reference_run(browser, tmp_path):
    source = paths.root() / "results" / "reference" / "tiny"
    shutil.copytree(source, tmp_path / "tiny")
    report.build("tiny", tmp_path / "tiny")
    browser.errors.clear()
    for width in WIDTHS:
        for dark in (False, True):
            browser.size(width, dark=dark)
            browser.open((tmp_path / "tiny" / "index.html").as_uri())
            assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.errors == []
