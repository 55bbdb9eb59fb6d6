"""How many tokens of pre-training fit into its share of the time budget, measured on the device at hand."""

from __future__ import annotations

import time

from cr_utils import budget, models, pretrain, workers
from cr_utils.budget import Fit, Share
from cr_utils.feed import CHUNK, Feed, made

WARM = 3  # steps that are not timed: compilation, allocation
TRIED = 0.05  # of the share is spent on timing the device
CLOSING = 5.0  # seconds for the last checkpoint and the model


def pretraining(values: dict, count: int, share: Share) -> tuple[Fit, pretrain.Pretraining]:
    """Tokens that fit: at the pace of the device or of the `count` workers, whichever is slower.

    Returns the fit, and what was trained to measure it, to be begun anew: compiled, it need not be again. The
    workers are started again.
    """
    params = pretrain.settings(values, count)
    began = time.monotonic()
    with workers.executor(count) as executor:
        supply, starting = documents(executor, params, count)
        run = pretrain.Pretraining(params, models.device())
        with Feed(run, pretrain.pool_of(params) // 4, executor) as feed:
            startup, device = pace(run, feed, min(60.0, TRIED * share.seconds), began)
    rate = min(device, supply * params["repeats"])
    tokens = budget.steps(share.left() - starting - CLOSING, 1 / rate, values["base_tokens"])
    return Fit({"base_tokens": tokens}, {"device_tokens_per_s": device, "document_tokens_per_s": supply,
                                         "startup_seconds": startup}), run


def documents(executor, params: dict, count: int) -> tuple[float, float]:
    """(tokens a second that the workers make together, seconds until each has made its first documents)."""
    asked = time.monotonic()
    stream = {"mix": params["mix"], "wide": params["wide"], "most_steps": params["most_steps"]}
    # Seeds of the real training are never negative: these documents are not among its own.
    jobs = [(-1, n * CHUNK // 4, stream, params["context"], CHUNK // 4) for n in range(4 * max(1, count))]
    tokens, began = 0, 0.0
    for number, found in enumerate(workers.in_order(executor, made, iter(jobs), len(jobs))):
        if number < max(1, count):
            began = time.monotonic()
        else:
            tokens += len(found[0])
    return tokens / max(time.monotonic() - began, 1e-9), began - asked


def pace(run, feed: Feed, seconds: float, began: float) -> tuple[float, float]:
    """(seconds until the device was warm, its tokens a second after that), waiting for documents not
    counted."""
    steps, warm, before, waited = 0, None, 0, 0.0
    while True:
        for batches in feed.pool():
            float(run.update(batches))  # waits for the device
            steps += 1
            now = time.monotonic()
            if steps == WARM:
                warm, before, waited = now, run.tokens, feed.waited
            if warm and run.tokens > before and now - warm >= seconds:
                return warm - began, (run.tokens - before) / max(now - warm - (feed.waited - waited), 1e-9)
