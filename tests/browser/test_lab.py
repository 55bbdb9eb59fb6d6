"""All six notebooks in a real JupyterLab on a finished smoke run: opened, run to the end, looked through."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time

import pytest

from cr_utils import params, paths

pytestmark = pytest.mark.timeout(900)  # a busy machine is slow to draw
CELLS = ".jp-Notebook .jp-CodeCell"
FIGURES = {"01_data": 4, "02_distill": 1, "03_sft": 1, "04_grpo": 1, "05_eval": 7, "06_ablations": 1}
TOKEN = "browser-test"
# From the notebook's model: cells out of sight may not be in the document.
OUTPUTS = """(() => {
    const {cells} = [...jupyterapp.shell.widgets('main')].find(w => w.content?.model?.cells).content.model;
    return [...Array(cells.length).keys()].map(i => cells.get(i)).filter(c => c.type === 'code')
        .flatMap(c => c.outputs.toJSON())
        .map(o => ({output_type: o.output_type, name: o.name, text: o.evalue || o.text,
                    kinds: Object.keys(o.data || {})})); })()"""
KERNEL = "w => w.sessionContext?.session?.kernel?.connectionStatus === 'connected'"


@pytest.fixture(scope="module")
def lab(smoke, tmp_path_factory):
    """The address of a JupyterLab over copies of the notebooks with the smoke run's parameters."""
    folder = tmp_path_factory.mktemp("lab")
    values = json.loads((smoke / "smoke" / "05_eval" / "manifest.json").read_text())["params"]
    for stage in paths.STAGES:
        book = json.loads(paths.notebook(stage).read_text(encoding="utf-8"))
        cell = next(c for c in book["cells"] if "parameters" in c["metadata"].get("tags", []))
        cell["source"] = params.cell(stage, "smoke").replace("benchmarks: str = 'auto'",
                                                             f"benchmarks: str = {values['benchmarks']!r}")
        (folder / f"{stage}.ipynb").write_text(json.dumps(book), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "CR_RESULTS": str(smoke), "JUPYTER_CONFIG_DIR": str(folder / "config"),
                   "IPYTHONDIR": str(folder / "ipython"), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
                   "JUPYTERLAB_WORKSPACES_DIR": str(folder / "spaces")}
    environment.pop("MPLBACKEND", None)
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}",
             "--ip=127.0.0.1",
             f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}",
             "--LabApp.news_url=None", "--LabApp.expose_app_in_browser=True",
             "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
            env=environment, cwd=folder, stdout=log, stderr=log)
    yield f"http://127.0.0.1:{port}/lab/tree"
    server.terminate()
    server.wait(60)
    shutil.rmtree(folder, ignore_errors=True)


def _open(browser, url):
    """Open an address as soon as the server answers."""
    for _ in range(120):
        told = browser.call("Page.navigate", url=url)
        if "errorText" not in told:
            return
        time.sleep(1)
    raise TimeoutError(f"JupyterLab does not answer at {url}")


@pytest.mark.parametrize("stage", paths.STAGES)
def test_a_notebook_runs_top_to_bottom(browser, lab, smoke, stage):
    made = (smoke / "smoke" / stage / "manifest.json").read_bytes()
    browser.size(1400, 1000)
    _open(browser, f"{lab}/{stage}.ipynb?token={TOKEN}&reset")
    browser.wait(f"document.querySelectorAll('{CELLS}').length > 3", 180)
    browser.wait("!!document.querySelector('.jp-Notebook-ExecutionIndicator[data-status=idle]')", 180)
    browser.wait(f"[...jupyterapp.shell.widgets('main')].some({KERNEL})", 180)
    began = time.monotonic()
    browser.run("jupyterapp.commands.execute('notebook:run-all-cells').then(() => true)")
    prompts = f"[...document.querySelectorAll('{CELLS} .jp-InputPrompt')].map(p => p.textContent.trim())"
    browser.wait(f"{prompts}.length > 3 && {prompts}.every(text => /^\\[\\d+\\]:$/.test(text))", 240)
    print(f"{stage}: {time.monotonic() - began:.1f} s")
    assert (smoke / "smoke" / stage / "manifest.json").read_bytes() == made, "a finished stage was run again"
    assert not (smoke / "smoke" / stage / "started.json").exists()
    where = os.environ.get("CR_PICTURES")
    if where:  # a folder for screenshots
        from pathlib import Path
        browser.run("document.querySelector('.crx')?.scrollIntoView({block: 'center'})")
        browser.picture(Path(where) / f"lab_{stage}.png")
    outputs = browser.run(OUTPUTS)
    assert [one for one in outputs if one["output_type"] == "error" or one.get("name") == "stderr"] == []
    assert sum("image/png" in one["kinds"] for one in outputs) >= FIGURES[stage]
    if stage not in ("03_sft",):
        assert browser.run("document.querySelectorAll('.jp-OutputArea-output .crx').length") >= 1
        assert browser.run("document.querySelectorAll('.jp-OutputArea-output select').length") >= 3
