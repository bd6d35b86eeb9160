"""A ClickHouse engine behind HTTP, for tests: front.py DATA_FOLDER [PORT]

Serves what the collector's client uses of ClickHouse's HTTP interface, on loopback: SQL in the URL or the body,
settings as URL parameters, inserts as (LZ4) blocks, error codes. Requests take turns, as the engine has one session.
Prints `listening on http://127.0.0.1:PORT` and serves until its standard input ends.
"""

import os
import re
import sys
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from chdb.session import Session

# Parameters that are not settings of the engine.
OWN = {
    "query", "database", "default_format", "compress", "decompress", "user", "password", "query_id",
    "wait_end_of_query", "session_id", "enable_http_compression", "role",
}
# An error's number decides the status, as with the server: who is not allowed, what is not there, what is wrong.
STATUS = {516: 403, 497: 403, 60: 404, 81: 404, 62: 400, 47: 404, 46: 400, 36: 400, 27: 400, 53: 400, 117: 400}
FRAME_HEADER = bytes.fromhex("04224d18607073")  # independent blocks of at most 4 MiB, no checksums


def as_lz4_frame(blocks):
    """The client's blocks (checksum, method, sizes, LZ4 data) as the LZ4 file that the engine reads."""
    out, at = [FRAME_HEADER], 0
    while at < len(blocks):
        method, size = blocks[at + 16], int.from_bytes(blocks[at + 17 : at + 21], "little")
        if method != 0x82 or at + 16 + size > len(blocks):
            raise ValueError("a compressed block is cut or of another kind")
        data = blocks[at + 25 : at + 16 + size]
        out += [len(data).to_bytes(4, "little"), data]
        at += 16 + size
    return b"".join([*out, bytes(4)])


def literal(value):
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return value if re.fullmatch(r"-?[0-9]+", value) else f"'{escaped}'"


class Engine:
    def __init__(self, folder):
        self.session = Session(folder)
        self.turn = threading.Lock()

    def run(self, parameters, sql, data):
        settings = {name: value for name, value in parameters.items() if name not in OWN}
        with self.turn:
            if database := parameters.get("database"):
                self.session.query(f"CREATE DATABASE IF NOT EXISTS `{database}`")
                self.session.query(f"USE `{database}`")
            for name, value in settings.items():
                self.session.query(f"SET {name} = {literal(value)}")
            try:
                if data:
                    return self.insert(sql, data, parameters.get("decompress") == "1")
                answer = self.session.query(sql, parameters.get("default_format", "TabSeparated"))
                return answer.bytes() if answer is not None else b""
            finally:
                for name in settings:
                    self.session.query(f"SET {name} = DEFAULT")

    def insert(self, sql, data, compressed):
        statement, form = re.fullmatch(r"(?is)(.*)\bFORMAT\s+(\w+)\s*", sql).groups()
        with tempfile.NamedTemporaryFile() as file:
            file.write(as_lz4_frame(data) if compressed else data)
            file.flush()
            kind = "COMPRESSION 'lz4'" if compressed else "COMPRESSION 'none'"
            self.session.query(f"{statement} FROM INFILE '{file.name}' {kind} FORMAT {form}")
        return b""


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer goes out in two pieces; the second one must not wait until the first is acknowledged.
    disable_nagle_algorithm = True
    engine = None

    def log_message(self, *_):
        pass

    def exactly(self, count):
        data = self.rfile.read(count)
        if len(data) < count:
            raise EOFError("the request was cut")
        return data

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.exactly(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.exactly(size))
            self.exactly(2)
        self.exactly(2)
        return b"".join(chunks)

    def do_POST(self):
        url = urllib.parse.urlsplit(self.path)
        parameters = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        try:
            body = self.body()
        except (EOFError, ValueError):
            self.close_connection = True
            return
        sql, data = (parameters["query"], body) if "query" in parameters else (body.decode(), b"")
        try:
            self.answer(200, self.engine.run(parameters, sql, data), {})
        except Exception as error:  # the engine has one kind, with everything in its text
            code = re.search(r"Code: (\d+)", str(error))
            number = int(code.group(1)) if code else 1002
            self.answer(STATUS.get(number, 500), str(error).encode(), {"X-ClickHouse-Exception-Code": str(number)})

    do_GET = do_POST

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass  # whoever went away in the middle is part of the tests


if __name__ == "__main__":
    Request.engine = Engine(sys.argv[1])
    server = Server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Request)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
    os._exit(0)
