// The songs that the person likes: a chip for each, and a line for those that were not understood for sure.

import { announce, byId, element } from "./dom.js";
import { change, read } from "./state.js";
import { text } from "./texts.js";

/** What the service made of the texts that it was sent. */
const matches = new Map();

/** The text by which the service knows a song again. */
export const nameOf = ({ title, artist }) => (artist ? `${artist} - ${title}` : title);

/** A song as people say it. */
export const spoken = ({ title, artist }) => text.by(title, artist);

/** The song that a text stands for; for the time being, or for good, one of that title. */
const songOf = (seed) => matches.get(seed)?.song ?? { title: seed, artist: "" };

/** Remembers how the seeds of an answer were understood. */
export function understand(seeds) {
  for (const match of seeds) matches.set(match.seed, match);
}

/** Adds a song that the model knows. */
export function addSong(song) {
  const seed = nameOf(song);
  if (!matches.has(seed)) matches.set(seed, { seed, match: "MATCH_EXACT", song, suggestions: [] });
  if (read().songs.includes(seed)) return announce(text.alreadyThere(spoken(song)));
  announce(text.added(spoken(song)));
  change((state) => state.songs.push(seed));
}

/** Adds what was typed, or pasted. */
export function addTexts(seeds) {
  const songs = read().songs;
  const added = [...new Set(seeds)].filter((seed) => !songs.includes(seed));
  if (!added.length) return announce(text.alreadyThere(seeds[0]));
  announce(added.length === 1 ? text.added(added[0]) : text.addedMany(added.length));
  change((state) => state.songs.push(...added));
}

function remove(seed) {
  announce(text.removed(spoken(songOf(seed))));
  change((state) => (state.songs = state.songs.filter((it) => it !== seed)));
}

function replace(seed, song) {
  matches.set(nameOf(song), { seed: nameOf(song), match: "MATCH_EXACT", song, suggestions: [] });
  announce(text.added(spoken(song)));
  change((state) => (state.songs = state.songs.map((it) => (it === seed ? nameOf(song) : it))));
  byId("song").focus();
}

/** Shows chips and lines. */
export function showSongs() {
  const seeds = read().songs;
  const buttons = () => [...byId("chips").querySelectorAll("button")];
  const focused = buttons().indexOf(document.activeElement);
  byId("chips").replaceChildren(...seeds.map(chip));
  const doubts = seeds.map(doubt).filter(Boolean);
  byId("doubts").hidden = !doubts.length;
  byId("doubts").replaceChildren(...doubts);
  byId("chips").hidden = !seeds.length;
  // The focus stays at its place among the chips, where the next one is when one was removed.
  if (focused >= 0) (buttons()[Math.min(focused, seeds.length - 1)] ?? byId("song")).focus();
}

const name = ({ title, artist }) =>
  element("span", {}, element("span", { class: "title" }, title), " ", element("span", { class: "artist" }, artist));

function chip(seed) {
  const song = songOf(seed);
  const isUnknown = matches.get(seed)?.match === "MATCH_UNKNOWN";
  return element(
    "li",
    { class: isUnknown ? "chip unknown" : "chip" },
    name(song),
    element("button", { type: "button", "aria-label": text.remove(spoken(song)), onclick: () => remove(seed) }, cross()),
  );
}

/** A line on a seed that was not understood, or only nearly. */
function doubt(seed) {
  const { match, song, suggestions = [] } = matches.get(seed) ?? {};
  if (match !== "MATCH_UNKNOWN" && match !== "MATCH_FUZZY") return undefined;
  const line = element("li", {}, match === "MATCH_FUZZY" ? text.takenFor(seed, spoken(song)) : text.unknown(seed));
  if (suggestions.length) {
    line.append(` ${text.didYouMean} `);
    suggestions.forEach((other, index) => {
      const label = text.ratherThan(spoken(other), seed);
      const attributes = { type: "button", class: "link", "aria-label": label, onclick: () => replace(seed, other) };
      line.append(index ? ", " : "", element("button", attributes, spoken(other)));
    });
  }
  return line;
}

/** Shows songs to begin with. */
export function showStarters(songs) {
  byId("starters").hidden = !songs.length;
  byId("starters").querySelector("ul").replaceChildren(
    ...songs.map((song) =>
      element(
        "li",
        {},
        element(
          "button",
          {
            type: "button",
            class: "chip",
            onclick: () => {
              addSong(song);
              byId("song").focus();
            },
          },
          name(song),
        ),
      ),
    ),
  );
}

/** The sign for "away with it"; a label must say so in words. */
export const cross = () => element("span", { "aria-hidden": "true", class: "cross" });

/** The sign for "add it". */
export const plus = () => element("span", { "aria-hidden": "true", class: "plus" });
