"""FastAPI with pydantic and a pickled scikit-learn pipeline in the process, as tutorials have it."""

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.http.rivals.text import text_model

app = FastAPI()
model = text_model()


class Question(BaseModel):
    """A statement."""

    sql: str


class Answer(BaseModel):
    """P(heavy)."""

    heavy: float


@app.post("/predict")
async def predict(question: Question) -> Answer:
    """One prediction."""
    return Answer(heavy=model.heavy(question.sql))


@app.get("/healthz")
async def healthz() -> str:
    """The process lives."""
    return "ok"
