// What the person asks for. It lives in the fragment of the address, which no server gets to see: a playlist can be bookmarked,
// shared and reloaded, and the browser's "back" undoes a change.

/** The lengths of a playlist to choose from; the first is the usual one. */
export const LENGTHS = [10, 20, 30, 50, 100];

/** The most songs of one artist to choose from; the first, 0, is any number. */
export const PER_ARTIST = [0, 1, 2, 3, 5];

/** What is asked for: texts that name songs (`songs`, `hidden`), and two numbers. */
export function read() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const choose = (name, choices) => choices.find((choice) => String(choice) === fragment.get(name)) ?? choices[0];
  const texts = (name) => [...new Set(fragment.getAll(name).map((text) => text.trim()).filter(Boolean))];
  return {
    songs: texts("song"),
    hidden: texts("hide"),
    length: choose("length", LENGTHS),
    perArtist: choose("per-artist", PER_ARTIST),
  };
}

/** Changes what is asked for: `edit` gets it and may change it. `onChange` is called afterwards, by "back" and "forward" too. */
export function change(edit) {
  const state = read();
  edit(state);
  const fragment = new URLSearchParams();
  for (const song of state.songs) fragment.append("song", song);
  for (const song of state.hidden) fragment.append("hide", song);
  if (state.length !== LENGTHS[0]) fragment.set("length", state.length);
  if (state.perArtist !== PER_ARTIST[0]) fragment.set("per-artist", state.perArtist);
  const address = fragment.size ? `#${fragment}` : location.pathname + location.search;
  history.pushState(null, "", address);
  listener();
}

let listener = () => {};

/** Calls `changed` whenever what is asked for has changed. */
export function onChange(changed) {
  listener = changed;
  addEventListener("popstate", changed);
}
