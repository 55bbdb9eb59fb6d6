"""A model behind an OpenAI-compatible server (vLLM, transformers, hosted models), as a function from
questions to replies.

Covers how many requests run at once, what they may cost, and a log to which every answer is appended as it
arrives: a stopped run asks nothing again that was answered. Needs httpx, never torch. What goes over the wire
is `endpoint_calls`.
"""

import asyncio
import contextlib
import hashlib
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cr_utils import jsonl
from cr_utils.endpoint_calls import Answer, Failed, Server, ask
from cr_utils.errors import UserError
from cr_utils.evaluate import TOO_LONG, Reply
from cr_utils.progress import Progress
from cr_utils.questions import Question

URL = "https://api.openai.com/v1"
CHARACTERS = 3.0  # of code, per token: an estimate, on the high side of what common tokenizers need


class Endpoint:
    """Answers questions through a server.

    concurrency: requests in flight at most. prices: {"input": …, "output": …} in dollars per million tokens.
    budget: dollars that all answers in the log together may cost (needs prices). log: a JSONL file, keyed by
    model, settings, prompt and number of the sample; without one, answers live as long as this object.
    keep_prompts: whether the log holds the prompts too.
    """

    chunk = 1_000_000  # all questions at once: the log, not the caller's chunks, saves what arrived

    def __init__(self, server: Server, *, max_new_tokens: int, temperature: float = 0.0, seed: int = 0,
                 concurrency: int = 16, prices: dict | None = None, budget: float | None = None,
                 log: Path | str | None = None, say: bool = True, keep_prompts: bool = False):
        if budget is not None and not prices:
            raise UserError(
                f"a budget for {server.model} needs prices: {{input: …, output: …}} per million tokens"
            )
        if prices and set(prices) != {"input", "output"}:
            raise UserError(f"prices of {server.model} are {prices}: give input and output")
        self.server, self.concurrency, self.say = server, concurrency, say
        self.options = {"max_tokens": max_new_tokens, "temperature": temperature, "seed": seed}
        self.prices, self.budget = prices or {"input": 0.0, "output": 0.0}, budget
        self.log, self._kept, self._keep_prompts = log, {}, keep_prompts

    def __call__(self, questions: list[Question], number: int = 0) -> list[Reply]:
        """One reply per question; `number` counts repeated samples of the same questions.

        Raises UserError, after keeping every answer that came, where the budget does not suffice, where the
        server refuses, or where some requests failed in every try.
        """
        keys = [self._key(question.prompt, number) for question in questions]
        with self._book() as book:
            known = {row["key"]: row for row in book.rows}
            todo = {
                key: question.prompt
                for key, question in zip(keys, questions, strict=True)
                if key not in known
            }
            if todo:
                self._afford(list(todo.values()), _spent(known.values()))
                apart(lambda: self._ask_all(todo, number, book))
                known = {row["key"]: row for row in book.rows}
        return [_reply(known[key]) for key in keys]

    @property
    def spent(self) -> float:
        """Dollars that all answers in the log have cost."""
        with self._book() as book:
            return _spent(book.rows)

    def estimate(self, prompts: list[str]) -> dict:
        """What asking these prompts takes: requests, about so many prompt tokens, at most so many answer
        tokens and dollars.
        """
        read = sum(_tokens(prompt) for prompt in prompts)
        written = len(prompts) * self.options["max_tokens"]
        return {"requests": len(prompts), "prompt_tokens": read, "answer_tokens": written,
                "dollars": self._cost(read, written)}

    def _afford(self, prompts: list[str], spent: float) -> None:
        """State the estimate; UserError where the prompts with the shortest answers pass the budget."""
        about = self.estimate(prompts)
        if self.say:
            price = f", at most ${about['dollars']:.2f}" if any(self.prices.values()) else ""
            before = f" (${spent:.2f} spent before)" if spent else ""
            print(
                f"{self.server.model}: {about['requests']} requests, "
                f"about {about['prompt_tokens']} prompt tokens, at most {about['answer_tokens']} answer tokens{price}{before}",
                flush=True,
            )
        least = self._cost(about["prompt_tokens"], len(prompts)) + spent
        if self.budget is not None and least > self.budget:
            raise UserError(
                f"{self.server.model}: the prompts alone would bring the cost to ${least:.2f}, above the "
                f"budget of ${self.budget:.2f}: raise it, or ask fewer questions"
            )

    async def _ask_all(self, todo: dict[str, str], number: int, book) -> None:
        """Ask all prompts, a limited number at a time, and add each answer to the book as it comes."""
        round_ = _Round(self, book, number, len(todo))
        queue = iter(todo.items())
        async with _client(self.server.key) as client:
            workers = [asyncio.create_task(round_.work(client, queue))
                       for _ in range(min(self.concurrency, len(todo)))]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
        round_.check()

    def _key(self, prompt: str, number: int) -> str:
        server = self.server
        asked = [server.url, server.model, server.chat, sorted(server.extra.items()),
                 sorted(self.options.items()), prompt, number]
        asked += [server.context] if server.context else []
        return hashlib.sha256(repr(asked).encode()).hexdigest()[:24]

    def _cost(self, read: float, written: float) -> float:
        return (read * self.prices["input"] + written * self.prices["output"]) / 1e6

    def _book(self):
        if self.log is not None:
            return jsonl.Appender(self.log, key="key")
        return contextlib.nullcontext(_Memory(self._kept))


class _Round:
    """The requests of one call: what they have cost, what is in flight, what failed."""

    def __init__(self, endpoint: Endpoint, book, number: int, total: int):
        self.endpoint, self.book = endpoint, book
        # A server's seed must differ from sample to sample, or sampling would repeat itself.
        self.options = endpoint.options | {"seed": endpoint.options["seed"] + number}
        self.spent, self.reserved, self.flying = _spent(book.rows), 0.0, 0
        self.total, self.done, self.left, self.failures = total, 0, 0, []
        self.progress = Progress(f"asking {endpoint.server.model}", total)

    async def work(self, client, queue) -> None:
        """Take prompts from the queue until it is empty."""
        for key, prompt in queue:
            # No token is shorter than a byte; the template around the prompt takes a few more.
            most = self.endpoint._cost(len(prompt.encode()) + 32, self.options["max_tokens"])
            if not await self._room(most):
                self.left += 1
                continue
            self.reserved += most
            self.flying += 1
            try:
                self._keep(key, prompt, await ask(client, self.endpoint.server, prompt, self.options))
            except Failed as failure:
                self.failures.append(str(failure))
            finally:
                self.reserved -= most
                self.flying -= 1

    async def _room(self, most: float) -> bool:
        """Is there budget for a request that may cost `most`? Waits for others, which mostly cost less."""
        budget = self.endpoint.budget
        while budget is not None and self.spent + self.reserved + most > budget:
            if not self.flying:
                return False
            await asyncio.sleep(0.02)
        return True

    def _keep(self, key: str, prompt: str, answer: Answer) -> None:
        read = _tokens(prompt) if answer.prompt_tokens is None else answer.prompt_tokens
        written = _tokens(answer.text) if answer.tokens is None else answer.tokens
        cost = self.endpoint._cost(read, written)
        self.book.add(
            {
                "key": key,
                "model": self.endpoint.server.model,
                "text": answer.text,
                "prompt_tokens": read,
                "tokens": written,
                "truncated": answer.truncated,
                "too_long": answer.too_long,
                "cost": cost,
                **({"prompt": prompt} if self.endpoint._keep_prompts else {}),
            }
        )
        self.spent += cost
        self.done += 1
        if self.endpoint.say:
            spent = {"dollars": self.spent} if any(self.endpoint.prices.values()) else {}
            self.progress.update(self.done, **spent)

    def check(self) -> None:
        """UserError where some prompts have no answer."""
        name = self.endpoint.server.model
        if self.failures:
            raise UserError(
                f"{name}: {len(self.failures)} of {self.total} requests failed in every try (the last: "
                f"{self.failures[-1]}): run again to ask only these; {self.done} answers are kept"
            )
        if self.left:
            raise UserError(
                f"{name}: the budget of ${self.endpoint.budget:.2f} leaves {self.left} of {self.total} "
                f"questions unasked (${self.spent:.2f} spent): raise it and run again; {self.done} "
                "answers are kept"
            )


class _Memory:
    """A book without a file."""

    def __init__(self, kept: dict):
        self.kept = kept

    @property
    def rows(self) -> list[dict]:
        return list(self.kept.values())

    def add(self, row: dict) -> bool:
        return self.kept.setdefault(row["key"], row) is row


def open_server(spec: str, chat: bool = True, **settings) -> Server:
    """The server of ``model`` or ``model@url``; key and default address are OPENAI_API_KEY and
    OPENAI_BASE_URL.

    Raises UserError where the text names no model, or where the address needs a key that is not set.
    """
    model, _, url = spec.partition("@http")
    url = f"http{url}" if url else os.environ.get("OPENAI_BASE_URL") or URL
    key = os.environ.get("OPENAI_API_KEY")
    if not model or not url.startswith(("http://", "https://")):
        raise UserError(f"endpoint {spec!r}: write model or model@http://host:port/v1")
    if url == URL and not key:
        raise UserError(
            f"{model} at {URL} needs OPENAI_API_KEY: set it, or name a server: {model}@http://host:port/v1"
        )
    return Server(url, model, key, chat, **settings)


def apart(make) -> None:
    """Run the coroutine that `make()` gives, to its end, in a thread with a loop of its own.

    A notebook's kernel has a loop running already. Ctrl-C cancels what is in flight and is raised here.
    """
    started, held = threading.Event(), {}

    async def main():
        held.update(loop=asyncio.get_running_loop(), task=asyncio.current_task())
        started.set()
        await make()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(asyncio.run, main())
        try:
            future.result()
        except KeyboardInterrupt:
            if started.wait(5) and not future.done():
                held["loop"].call_soon_threadsafe(held["task"].cancel)
            raise


def _client(key: str | None):
    try:
        import httpx
    except ImportError:
        raise UserError("endpoints need the package httpx: pip install httpx") from None
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.AsyncClient(headers=headers, timeout=None, limits=limits)  # `ask` holds the clock


def _tokens(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS)


def _spent(rows) -> float:
    return sum(row["cost"] for row in rows)


def _reply(row: dict) -> Reply:
    return Reply(row["text"], row["tokens"], row["truncated"], TOO_LONG if row["too_long"] else None)
