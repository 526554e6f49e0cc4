"""A recommender as FastAPI and uvicorn serve one: a POST of JSON that pydantic checks, rules in a dictionary.

    RULES=target/benches/rules.pickle uvicorn --app-dir benches --workers 2 fastapi_peer:app
"""

import fastapi
import pydantic

from dict_rules import Rules

app = fastapi.FastAPI()
rules = Rules()


class Request(pydantic.BaseModel):
    songs: list[str]
    limit: int = 10


class Answer(pydantic.BaseModel):
    songs: list[str]
    version: str
    model_date: str


@app.post("/api/recommend")
async def recommend(request: Request) -> Answer:
    return Answer(**rules.recommend(request.songs, request.limit))
