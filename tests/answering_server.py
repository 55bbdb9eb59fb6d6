"""A real HTTP server with an OpenAI-compatible interface, for tests: answers by a function, fails as told."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answering:
    """Serves `answer(prompt, body) -> text` at `url`.

    faults: `faults(prompt, number) -> fault or None` for the number-th request (from 1) for that prompt: an
    int is a status; "hang" sends nothing, "cut" breaks off inside the body, "malformed" and "empty" are no
    completions, "slow" waits a little. asked: the prompts in order of arrival.
    """

    def __init__(
        self,
        answer=lambda prompt, body: f"<answer>{prompt}</answer>",
        faults=lambda prompt, number: None,
        usage=True,
        headers=(),
    ):
        self.answer, self.faults, self.usage, self.headers = answer, faults, usage, dict(headers)
        self.asked, self.bodies, self.keys, self.most, self._now = [], [], [], 0, 0
        self.lock, self.stop = threading.Lock(), threading.Event()

    def __enter__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802
                with contextlib.suppress(ConnectionError):
                    outer.handle(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def handle(self, request):
        """One request: count it, fail or answer."""
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        chat = request.path.endswith("/chat/completions")
        prompt = body["messages"][0]["content"] if chat else body["prompt"]
        with self.lock:
            self.asked.append(prompt)
            self.bodies.append(body)
            self.keys.append(request.headers.get("Authorization"))
            self._now += 1
            self.most = max(self.most, self._now)
            fault = self.faults(prompt, self.asked.count(prompt))
        try:
            self.respond(request, prompt, body, chat, fault)
        finally:
            with self.lock:
                self._now -= 1

    def respond(self, request, prompt, body, chat, fault):
        if fault == "hang":
            self.stop.wait(30)
            return
        if fault == "slow":
            time.sleep(0.05)
        if isinstance(fault, int):
            self.send(request, fault, json.dumps({"error": {"message": f"status {fault}"}}))
        elif isinstance(fault, tuple):
            self.send(request, *fault)
        elif fault == "malformed":
            self.send(request, 200, '{"choices": [{"mess')
        elif fault == "empty":
            self.send(request, 200, '{"choices": []}')
        else:
            self.send(request, 200, self.completion(prompt, body, chat), cut=fault == "cut")

    def completion(self, prompt, body, chat):
        """The text of a whole reply."""
        text = self.answer(prompt, body)
        text, reason = text if isinstance(text, tuple) else (text, "stop")
        choice = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        usage = (
            {"usage": {"prompt_tokens": len(prompt), "completion_tokens": len(text)}} if self.usage else {}
        )
        return json.dumps({"choices": [{**choice, "finish_reason": reason}], **usage})

    def send(self, request, status, text, cut=False):
        data = text.encode()
        request.send_response(status)
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data[:len(data) // 2] if cut else data)
        if cut:
            request.close_connection = True
