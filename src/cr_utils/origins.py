"""Where problems come from, by the parameter `data_source`: the grammar, a language model, or a released set.

Scope: opens the model's server from the profile's keys, says beforehand and after a pilot round what the rest
will take, and keeps every prompt and reply in a log, so that a stopped run asks nothing twice. What a program
must be like is decided elsewhere (synthesis, program_source).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cr_utils import endpoint, jsonl, params, program_source, releases, synthesis
from cr_utils.endpoint import Endpoint
from cr_utils.errors import UserError
from cr_utils.schema import ENDPOINT

SERVER = ("timeout", "tries", "wait", "extra")
ANSWER_TOKENS, TEMPERATURE = 1024, 1.0  # of a program; `extra` in data_endpoint overrides both


@dataclass(frozen=True)
class Prompt:
    """A text to ask, in the form in which an Endpoint takes questions."""

    prompt: str


def problems(values: dict, sizes: dict[str, int], options: dict, folder: Path,
             on_progress: Callable[[int], object] | None = None) -> tuple[list[dict], list[dict]]:
    """The problems of every split, and the candidates left after each filter ([{"step", "n"}]).

    values: all parameters; sizes and options as synthesis.synthesize takes them; folder: of the stage, where
    the `llm` source keeps requests.jsonl and cells.json. Raises UserError where the source is not to be had.
    """
    if values["data_source"] == "grammar":
        made, rows = synthesis.synthesize(sizes, options, values["data_workers"], on_progress,
                                          keep=folder / "chunks.partial.jsonl")
        return made, synthesis.funnel(rows)
    if values["data_source"] == "released":
        return releases.problems(sizes, options)
    model = connect(values["data_model"], "data_model", values["data_endpoint"], folder / "requests.jsonl",
                    max_new_tokens=ANSWER_TOKENS, temperature=TEMPERATURE, seed=values["seed"])
    options = options | {"inputs": values["data_inputs"]}
    with program_source.Source(sizes, options, asker(model)) as source:
        watch = Watch(source, model, sum(sizes.values()), on_progress)
        made = source.fill(watch)
        jsonl.write_json(folder / "cells.json", source.cell_yield())
        return made, source.funnel()


def asker(model: Endpoint) -> program_source.Ask:
    """An endpoint as a function from prompts to texts."""
    return lambda prompts, number: [reply.text for reply in model([Prompt(one) for one in prompts], number)]


def connect(spec: str, key: str, settings: dict, log: Path | str, top_p: float | None = None,
            **options) -> Endpoint:
    """The endpoint of a profile's keys; `key` names the one that gave `spec`. Raises UserError."""
    if not spec:
        raise UserError(f"{key} is empty: name a model, such as {key}: name@http://127.0.0.1:8000/v1")
    for name in settings:
        if name not in ENDPOINT:
            raise UserError(f"{key}: its endpoint has no setting {name!r}: {params.nearest(name, ENDPOINT)}")
    given = {name: settings[name] for name in SERVER if name in settings}
    if top_p is not None:
        given["extra"] = {"top_p": top_p} | given.get("extra", {})
    server = endpoint.open_server(spec.removeprefix("openai:"), **given)
    return Endpoint(server, log=log, keep_prompts=True, budget=settings.get("budget"),
                    prices=settings.get("prices") or None, concurrency=settings.get("concurrency", 16),
                    **options)


class Watch:
    """Called after each round: tells the progress and, after the first, what the rest will take, as measured.

    Raises UserError where the whole, at the measured price, passes the budget.
    """

    def __init__(self, source: program_source.Source, model: Endpoint, wanted: int,
                 on_progress: Callable[[int], object] | None):
        self.model, self.wanted, self.on_progress = model, wanted, on_progress
        self.begun, self.known, self.told = time.monotonic(), _answers(model), False
        each = 1 + (source.options["inputs"] if source.options["mutation"] else 0)
        least = -(-wanted // each)
        print(f"{model.server.model}: {wanted} problems from at least {least} programs; the first "
              f"{min(program_source.PILOT, least)} show what the rest will take", flush=True)

    def __call__(self, source: program_source.Source) -> None:
        if self.on_progress:
            self.on_progress(source.made)
        if self.told or not source.made:
            return
        self.told = True
        rest = forecast(source.made, source.requests, self.wanted, time.monotonic() - self.begun,
                        self.model.spent)
        fresh = _answers(self.model) - self.known
        took = f"{rest['minutes']:.1f} minutes" if fresh else "an unknown time (these replies were kept)"
        dollars = f" and ${rest['dollars']:.2f} in all" if self.model.prices["input"] else ""
        print(f"{self.model.server.model}: {source.made} problems from {source.requests} requests; the rest "
              f"will take about {rest['requests']} requests, {took}{dollars}", flush=True)
        budget = self.model.budget
        if budget is not None and rest["dollars"] > budget:
            raise UserError(f"{self.model.server.model}: {self.wanted} problems would cost about "
                            f"${rest['dollars']:.2f}, above the budget of ${budget:.2f}: raise it or ask for "
                            "fewer; what was answered is kept")


def forecast(made: int, requests: int, wanted: int, seconds: float, dollars: float) -> dict:
    """What the rest takes if it goes on as it began: requests and minutes to come, dollars in all."""
    rest = max(0, wanted - made) / made
    return {"requests": round(requests * rest), "minutes": seconds * rest / 60,
            "dollars": dollars * (1 + rest)}


def _answers(model: Endpoint) -> int:
    path = Path(model.log)
    return path.read_bytes().count(b"\n") if path.is_file() else 0
