"""Serves a model file on loopback, for the tests that want a model server which this project did not write.

Prints one line, `READY http://127.0.0.1:PORT`, when requests are welcome, and ends when its stdin does, so that it
cannot outlive a test that was killed.
"""

import os
import socket
import sys

import xllamacpp


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    model, template = sys.argv[1:3]
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 4096
    params.n_parallel = 1
    params.use_jinja = True
    params.hostnames = ["127.0.0.1"] if isinstance(params.hostnames, list) else "127.0.0.1"
    params.port = free_port()
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    with open(template, encoding="utf-8") as file:
        params.chat_template = file.read()
    server = xllamacpp.Server(params)
    print("READY", server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)


main()
