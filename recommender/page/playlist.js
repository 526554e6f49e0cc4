// The playlist, and why each song is in it.

import { announce, byId, element } from "./dom.js";
import { saveCsv, saveM3u8 } from "./saving.js";
import { addSong, cross, nameOf, plus, spoken } from "./songs.js";
import { change, LENGTHS, PER_ARTIST, read } from "./state.js";
import { count, list, share, text, times } from "./texts.js";

let shown;

/** Makes what stands around the list work. */
export function preparePlaylist() {
  const fill = (select, choices, words, name) => {
    select.replaceChildren(...choices.map((choice) => element("option", { value: choice }, words(choice))));
    select.addEventListener("change", () => change((state) => (state[name] = Number(select.value))));
  };
  fill(byId("length"), LENGTHS, count, "length");
  fill(byId("per-artist"), PER_ARTIST, (most) => (most ? text.atMost(most) : text.anyNumber), "perArtist");
  byId("hidden-songs").querySelector("button").addEventListener("click", () => {
    change((state) => (state.hidden = []));
    byId("playlist-heading").focus();
  });
  byId("save-m3u8").addEventListener("click", () => saveM3u8(shown));
  byId("save-csv").addEventListener("click", () => saveCsv(shown));
  // Browsers lend the clipboard only to pages that came over TLS or from this machine; the address bar has the link, too.
  const copy = byId("copy-link");
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(location.href);
    copy.textContent = text.copied;
    announce(text.copied);
    setTimeout(() => (copy.textContent = text.copyLink), 3000);
  });
}

/** Shows what is asked for, before it is answered. */
export function showChoices() {
  const { songs, hidden, length, perArtist } = read();
  byId("length").value = length;
  byId("per-artist").value = perArtist;
  byId("hidden-songs").hidden = !hidden.length;
  byId("hidden-songs").querySelector("span").textContent = text.hiddenCount(hidden.length);
  if (!songs.length) hidePlaylist();
}

export function hidePlaylist() {
  shown = undefined;
  byId("playlist").hidden = true;
}

/** Shows that another playlist is under way. */
export function showWaiting(isWaiting) {
  byId("recommendations").setAttribute("aria-busy", isWaiting);
}

/** Shows an answer. */
export function showPlaylist(answer) {
  shown = answer;
  const rows = answer.recommendations;
  const known = answer.seeds.some((seed) => seed.song);
  const remark = !rows.length ? text.nothing : known ? "" : text.onlyPopular;
  byId("remark").textContent = remark;
  byId("remark").hidden = !remark;
  const focus = focusIn(byId("recommendations"));
  byId("recommendations").replaceChildren(...rows.map(row));
  byId("playlist").hidden = false;
  for (const id of ["save-m3u8", "save-csv"]) byId(id).disabled = !rows.length;
  focus();
  announce(rows.length ? text.ready(rows.length, spoken(rows[0].song)) : remark);
}

/** Remembers what has the focus in the list, and gives it to what has its place in the next one. */
function focusIn(place) {
  const row = [...place.children].findIndex((it) => it.contains(document.activeElement));
  if (row < 0) return () => {};
  const kind = document.activeElement.dataset.kind;
  return () => {
    const next = place.children[Math.min(row, place.children.length - 1)];
    (next?.querySelector(`[data-kind="${kind}"]`) ?? byId("playlist-heading")).focus();
  };
}

function row({ song, score, source, rules }) {
  const name = spoken(song);
  return element(
    "li",
    {},
    element(
      "div",
      { class: "song" },
      element("span", { class: "title" }, song.title),
      " ",
      element("span", { class: "artist" }, song.artist),
      rules.length ? reasons(name, rules) : source === "SOURCE_POPULARITY" && element("p", { class: "why" }, text.popular(share(score))),
    ),
    element(
      "button",
      { type: "button", class: "icon", "data-kind": "add", "aria-label": text.add(name), title: text.add(name), onclick: () => addSong(song) },
      plus(),
    ),
    element(
      "button",
      { type: "button", class: "icon", "data-kind": "hide", "aria-label": text.hide(name), title: text.hide(name), onclick: () => hide(song) },
      cross(),
    ),
  );
}

function hide(song) {
  announce(text.hid(spoken(song)));
  change((state) => state.hidden.push(nameOf(song)));
}

/** What the antecedent of a rule is called: songs that go together, or an artist. */
const antecedent = (rule) => (rule.antecedent.length ? list(rule.antecedent.map((song) => song.title)) : text.songsBy(rule.antecedent_artist));

function reasons(name, rules) {
  const names = [...new Set(rules.map((rule) => (rule.antecedent.length ? antecedent(rule) : rule.antecedent_artist)))];
  return element(
    "details",
    { class: "why" },
    element("summary", { "data-kind": "why" }, text.because(list(names)), element("span", { class: "unseen" }, text.why(name))),
    element("ul", { role: "list" }, ...rules.map(reason)),
  );
}

function reason(rule) {
  const both = count(rule.support_count);
  const all = count(rule.antecedent_count);
  const bar = element("span", { class: "share", "aria-hidden": "true" });
  // A rule of the style sheet draws it; style attributes are not allowed here.
  bar.style.setProperty("--part", rule.confidence);
  return element("li", {}, text.rule(antecedent(rule), share(rule.confidence), both, all, times(rule.lift)), bar);
}
