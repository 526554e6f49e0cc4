// The field where songs are typed: a combobox with a list that completes, after the ARIA Authoring Practices ("list autocomplete with
// automatic selection"): while something is typed the first song found is selected, and Enter takes the selected one.

import { announce, byId, element } from "./dom.js";
import { text } from "./texts.js";

const WAIT_MS = 80;

/**
 * Brings the field to life. `search(query, signal)` finds songs; `take(song)` takes one of them, and `takeTexts(texts)` what was
 * typed or pasted.
 */
export function combobox({ search, take, takeTexts }) {
  const input = byId("song");
  const options = byId("options");
  let songs = [];
  let selected = -1;
  let timer;
  let asking = new AbortController();
  // The search for what stands in the field: whether it is over, and what Enter waits for.
  let found = Promise.resolve();

  function select(index) {
    selected = index;
    [...options.children].forEach((option, at) => option.setAttribute("aria-selected", at === index));
    const option = songs.length && options.children[index];
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }

  function open(newSongs, words) {
    songs = newSongs;
    const lines = songs.map((song, index) =>
      element(
        "li",
        { role: "option", id: `option-${index}`, onclick: () => finish(() => take(song)) },
        element("span", { class: "title" }, song.title),
        " ",
        element("span", { class: "artist" }, song.artist),
      ),
    );
    // A listbox has options and nothing else; this one cannot be chosen.
    if (!lines.length) lines.push(element("li", { role: "option", "aria-disabled": "true", class: "none" }, words));
    options.replaceChildren(...lines);
    options.hidden = false;
    input.setAttribute("aria-expanded", "true");
    select(songs.length ? 0 : -1);
    announce(words);
  }

  function close() {
    clearTimeout(timer);
    asking.abort();
    songs = [];
    options.hidden = true;
    input.setAttribute("aria-expanded", "false");
    select(-1);
  }

  function finish(act) {
    close();
    input.value = "";
    found = Promise.resolve();
    act();
    input.focus();
  }

  async function look(query, signal) {
    await new Promise((resolve) => {
      timer = setTimeout(resolve, WAIT_MS);
      signal.addEventListener("abort", resolve);
    });
    if (signal.aborted) return;
    try {
      const answer = await search(query, signal);
      if (!signal.aborted) open(answer, answer.length ? text.optionsCount(answer.length) : text.optionsNone(query));
    } catch {
      if (!signal.aborted) open([], text.optionsFailed);
    }
  }

  /** Looks for what stands in the field now. */
  function typed() {
    asking.abort();
    asking = new AbortController();
    const query = input.value.trim();
    if (query) found = look(query, asking.signal);
    else close();
  }

  async function enter() {
    const query = input.value.trim();
    if (!query) return;
    // Who types faster than the list comes gets what they would have got from the list.
    if (options.hidden) await found;
    if (input.value.trim() !== query) return;
    const song = songs[selected];
    finish(() => (song ? take(song) : takeTexts([query])));
  }

  input.addEventListener("input", typed);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move && songs.length) select((selected + move + songs.length) % songs.length);
    else if (move && input.value.trim()) typed();
    else if (event.key === "Enter") enter();
    else if (event.key === "Escape" && !options.hidden) close();
    else if (event.key === "Escape") input.value = "";
    else return;
    event.preventDefault();
  });
  input.addEventListener("paste", (event) => {
    const lines = event.clipboardData.getData("text/plain").split(/\r\n|[\r\n]/).map((line) => line.trim()).filter(Boolean);
    if (lines.length < 2) return;
    event.preventDefault();
    finish(() => takeTexts(lines));
  });
  input.addEventListener("blur", close);
  // A click on a song must not take the focus from the field, which would close the list.
  options.addEventListener("mousedown", (event) => event.preventDefault());
}
