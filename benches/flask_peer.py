"""A recommender as Flask and gunicorn serve one: a POST of JSON, rules in a dictionary.

    RULES=target/benches/rules.pickle gunicorn --chdir benches --workers 2 --worker-class gthread --threads 8 flask_peer:app
"""

import flask

from dict_rules import Rules

app = flask.Flask(__name__)
rules = Rules()


@app.post("/api/recommend")
def recommend():
    request = flask.request.get_json()
    return flask.jsonify(rules.recommend(request["songs"], request.get("limit", 10)))
