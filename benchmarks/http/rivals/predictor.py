"""What prestodb's presto-query-predictor does: Flask under waitress, words, a classifier each of CPU and memory."""

import sys

import waitress
from flask import Flask, Response, jsonify, request

from benchmarks.http.rivals.text import text_model

app = Flask(__name__)
cpu = memory = text_model()


@app.post("/v1/cpumemory")
def predict() -> Response:
    """Both labels of one statement."""
    sql = request.get_json()["query"]
    return jsonify(cpu_pred_label=int(cpu.heavy(sql) >= 0.5), memory_pred_label=int(memory.heavy(sql) >= 0.5))


@app.get("/healthz")
def healthz() -> str:
    """The process lives."""
    return "ok"


if __name__ == "__main__":
    waitress.serve(app, host="127.0.0.1", port=int(sys.argv[1]), connection_limit=512)
