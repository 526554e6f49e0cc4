// The model in service: when and from what it was learned, and how good it is.

import { byId, element } from "./dom.js";
import { count, date, ratio, share, text } from "./texts.js";

/** Shows an answer to `api/model`; without a model, nothing. */
export function showModel(info) {
  const place = byId("model");
  place.hidden = !info.model_version;
  if (place.hidden) return;
  place.querySelector(".summary").textContent = text.trained(date(info.model_date), count(info.dataset.playlists), count(info.dataset.songs));
  const { outcome, reason } = info.last_refresh;
  const warning = place.querySelector(".warning");
  warning.hidden = outcome !== "REFRESH_OUTCOME_FAILED";
  warning.textContent = text.rejected(reason);
  showEvaluation(info.evaluation);
  const facts = {
    [text.version]: info.model_version,
    [text.published]: date(info.published_date),
    [text.loaded]: date(info.loaded_date),
    [text.dataset]: info.dataset.location,
    [text.rules]: text.ruleCounts(count(info.counts.rules), count(info.counts.artist_rules)),
    [text.lastLook]: date(info.last_refresh.date),
    [text.service]: text.serviceAt(info.version, info.served_by),
  };
  const lines = Object.entries(facts).flatMap(([term, fact]) => [element("dt", {}, term), element("dd", {}, fact)]);
  byId("model-details").querySelector("dl").replaceChildren(...lines);
}

function showEvaluation(evaluation) {
  const place = byId("evaluation");
  const figures = evaluation?.figures ?? [];
  const find = (seeds, recommender) => figures.find((it) => it.seeds === seeds && it.recommender === recommender);
  // What was measured of both, by the number of songs given.
  const pairs = [...new Set(figures.map((it) => it.seeds))]
    .map((seeds) => [find(seeds, "model"), find(seeds, "popularity")])
    .filter(([model, popularity]) => model && popularity);
  place.hidden = !pairs.length;
  if (!pairs.length) return;
  const [model, popularity] = pairs.find(([it]) => it.seeds === 5) ?? pairs[0];
  const playlists = count(evaluation.held_out_playlists);
  place.querySelector("p").textContent = text.evaluation(model.seeds, share(model.hit_rate_at_10), share(popularity.hit_rate_at_10), playlists);
  const heads = [text.given, text.hits, text.hitsPopular, text.precision, text.precisionPopular];
  place.querySelector("thead").replaceChildren(element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head))));
  const table = place.querySelector("table");
  table.setAttribute("aria-label", text.evaluationCaption);
  table.querySelector("tbody").replaceChildren(
    ...pairs.map(([ours, theirs]) => {
      const cells = [share(ours.hit_rate_at_10), share(theirs.hit_rate_at_10), ratio(ours.r_precision), ratio(theirs.r_precision)];
      return element("tr", {}, element("th", { scope: "row" }, count(ours.seeds)), ...cells.map((it) => element("td", {}, it)));
    }),
  );
}
