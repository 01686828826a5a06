"""D-Wave's cloud on loopback: its REST interface, the emulator behind it, faults on demand.

The real client talks to it. What it accepts counts as paid for and is listed in `charged`.
"""

import base64
import json
import threading
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import dimod
import numpy as np

TOKEN = "SECRET-0123456789"
READS, CONDITIONS = 24, 6
"""Chains of the job that is sent, and its different clamped states: as many submissions."""

ABOUT = {"solver": "Advantage2_system4"}
MEDIA = "application/vnd.dwave.sapi.{}+json; version=3.0.0"


class Cloud(ThreadingHTTPServer):
    """The server.

    Attributes:
        charged: id, label and reads of every problem that was accepted, in order.
        faults: what to do with the submission of each number (counted over all requests to
            submit, from 0): an HTTP status, "drop" (accept it, then cut the connection),
            "offline", "partial", "half" (the id of the problem before), "stuck".
        token: the token that it accepts.
    """

    daemon_threads = True

    def __init__(self, annealer, name="Advantage2_system4"):
        super().__init__(("127.0.0.1", 0), Handler)
        self.annealer, self.name, self.token = annealer, name, TOKEN
        self.charged, self.faults, self.problems = [], {}, {}
        self.posts = self.running = self.most_running = 0
        self.lock = threading.RLock()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_address[1]}/sapi/v2/"

    def solver(self):
        identity = {"name": self.name, "version": {"graph_id": self.annealer.graph.fingerprint}}
        properties = {**self.annealer.properties, "chip_id": self.name}
        return {
            "identity": identity,
            "status": "ONLINE",
            "description": "on loopback",
            "properties": properties,
            "avg_load": 0.1,
        }

    def accept(self, body, fault):
        """Take a problem, draw its answer and charge for it."""
        with self.lock:
            number = len(self.charged)
            name = f"{len(self.problems):08d}-0000-0000-0000-000000000000"
            reads = body["params"]["num_reads"]
            self.charged.append((name, body.get("label"), reads))
            answer, timing = self.draw(body, reads - (reads // 2 if fault == "partial" else 0))
            message = {
                "id": name,
                "label": body.get("label"),
                "type": "ising",
                "solver": self.solver()["identity"],
                "status": "COMPLETED",
                "submitted_on": "2026-01-01T00:00:00Z",
                "solved_on": "2026-01-01T00:00:01Z",
                "answer": {**answer, "timing": timing},
            }
            if fault == "offline":
                self.charged.pop()
                message |= {"status": "FAILED", "error_message": "Solver is offline"}
                del message["answer"]
            if fault == "stuck":
                message["stuck"] = True
            self.problems[name] = message
            if fault == "half":  # the answer of the problem before, under this one's name
                earlier = self.problems[self.charged[number - 1][0]]
                return {**earlier}
            return message

    def draw(self, body, reads):
        stated = self.annealer.properties
        qubits, couplers = np.array(stated["qubits"]), np.array(stated["couplers"])
        lin = np.frombuffer(base64.b64decode(body["data"]["lin"]), "<f8")
        active = qubits[~np.isnan(lin)]
        inside = couplers[np.isin(couplers, active).all(axis=1)]
        quad = np.frombuffer(base64.b64decode(body["data"]["quad"]), "<f8")
        model = dimod.BinaryQuadraticModel(
            dict(zip(active.tolist(), lin[~np.isnan(lin)], strict=True)),
            {tuple(p): v for p, v in zip(inside.tolist(), quad, strict=True) if v},
            "SPIN",
        )
        params = {k: v for k, v in body["params"].items() if k != "num_reads"}
        found = self.annealer.sample(model, num_reads=reads, label=body.get("label"), **params)
        order = [found.variables.index(q) for q in active.tolist()]
        bits = np.packbits(found.record.sample[:, order] > 0, axis=1)

        def code(values, kind):
            return base64.b64encode(np.asarray(values, kind).tobytes()).decode()

        answer = {
            "format": "qp",
            "num_variables": self.annealer.properties["num_qubits"],
            "active_variables": code(active, "<i4"),
            "energies": code(found.record.energy, "<f8"),
            "num_occurrences": code(np.ones(reads), "<i4"),
            "solutions": code(bits, "u1"),
        }
        return answer, found.info["timing"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def reply(self, content, media="problems", status=200):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", MEDIA.format(media) if status < 300 else "text/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def allowed(self):
        if self.headers.get("X-Auth-Token") == self.server.token:
            return True
        self.reply({"error_code": 401, "error_msg": "no"}, status=401)
        return False

    def do_GET(self):
        if not self.allowed():
            return
        url = urlparse(self.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        parts = [p for p in url.path.split("/") if p][2:]
        problems = self.server.problems
        if parts[:2] == ["solvers", "remote"]:
            one = self.server.solver()
            if len(parts) > 2:
                self.reply(one, "solver-definition")
            else:
                self.reply([one], "solver-definition-list")
        elif parts == ["problems"]:
            wanted = query.get("id", "").split(",") if "id" in query else None
            found = [
                self.brief(m)
                for name, m in problems.items()
                if (wanted is None or name in wanted)
                and query.get("label") in {None, m["label"]}
            ]
            self.reply(found)
        elif parts[1] in problems:
            message = problems[parts[1]]
            self.reply(self.brief(message) if "stuck" in message else message, "problem")
        else:
            self.reply({"error_code": 404, "error_msg": "no problem"}, status=404)

    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.allowed():
            return
        if self.headers.get("Content-Encoding") == "deflate":
            data = zlib.decompress(data)
        answers = []
        for body in json.loads(data):
            fault = self.server.faults.get(self.server.posts)
            self.server.posts += 1
            if isinstance(fault, int):
                self.reply({"error_code": fault, "error_msg": "no"}, status=fault)
                return
            answers.append(self.brief(self.server.accept(body, fault)))
            if fault == "drop":
                self.close_connection = True
                self.connection.close()
                return
        self.reply(answers)

    @staticmethod
    def brief(message):
        brief = {k: v for k, v in message.items() if k not in {"answer", "stuck"}}
        if message.get("stuck"):
            brief["status"] = "PENDING"
        return brief


@contextmanager
def serving(cloud):
    thread = threading.Thread(target=cloud.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield cloud
    finally:
        cloud.shutdown()
        cloud.server_close()
        thread.join()


def paid_once(cloud, submissions=CONDITIONS):
    """Whether so many submissions were charged, each once."""
    labels = [label for _, label, _ in cloud.charged]
    return len(labels) == len(set(labels)) == submissions
