"""A local HTTP server that supports ranges, ignores them, fails, or hangs up."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Server(ThreadingHTTPServer):
    """Serves `content` under every name; records what was asked for."""

    ranges = True
    status = 0
    hang_ups = 0
    content = b""
    announced: int | None = None

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []

    def handle_error(self, request, client_address):
        """Clients that hang up are part of the tests."""

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/files"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.asked.append((self.path, asked))
        if self.server.status:
            self.send_error(self.server.status)
            return
        content, start = self.server.content, 0
        if asked and self.server.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header(
                "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
            )
        self.send_header("Content-Length", str(self.server.announced or len(content) - start))
        self.end_headers()
        if self.server.hang_ups:
            self.server.hang_ups -= 1
            content = content[: (start + len(content)) // 2]
        self.wfile.write(content[start:])

    def log_message(self, format, *args):  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on the loopback interface, for the duration of one test."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
