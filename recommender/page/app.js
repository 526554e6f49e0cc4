// The page: what is asked for stands in the address (state.js), and `refresh` makes the page show the answer to it. It runs when
// something else is asked for, when it is time to look at the model again, and when what failed may be tried again.

import { ask, ServiceError } from "./api.js";
import { combobox } from "./combobox.js";
import { byId } from "./dom.js";
import { showModel } from "./model.js";
import { clearNotice, noticeFailure, noticeNewModel, prepareNotice } from "./notice.js";
import { hidePlaylist, preparePlaylist, showChoices, showPlaylist, showWaiting } from "./playlist.js";
import { addSong, addTexts, showSongs, showStarters, understand } from "./songs.js";
import { onChange, read } from "./state.js";
import { fillIn, text } from "./texts.js";

const LOOK_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 10_000;
const STARTERS = 8;

/** The answer on the page, and the request that it answers. */
let playlist;
/** The model in service, as it was told last, and when. */
let model;
let looked = -Infinity;
let starters;
/** The request that the service does not take, and its error. */
let refused;

let running = new AbortController();
let timer;
let isDue = false;
let failures = 0;

/** What to ask the service for, as a text that can be compared; nothing without songs. */
function wanted() {
  const { songs, hidden, length, perArtist } = read();
  return songs.length ? JSON.stringify({ songs, exclude_songs: hidden, limit: length, max_songs_per_artist: perArtist }) : undefined;
}

/** Brings the page up to date: the playlist first, for somebody waits for it. */
async function refresh() {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  clearTimeout(timer);
  isDue = false;
  try {
    await refreshPlaylist(signal);
    await refreshModel(signal);
    failures = 0;
    if (refused && refused.request === wanted()) noticeFailure(refused.error, Infinity);
    else if (playlist && playlist.answer.model_version !== model.model_version) noticeNewModel(update);
    else clearNotice();
    schedule(LOOK_MS);
  } catch (error) {
    if (signal.aborted) return;
    // A fault of the page itself goes to the console, where it can be found.
    if (!(error instanceof ServiceError)) throw error;
    fail(error);
  }
}

async function refreshPlaylist(signal) {
  const request = wanted();
  if (!request) playlist = undefined;
  if (!request || playlist?.request === request || refused?.request === request) return;
  showWaiting(true);
  try {
    const answer = await ask("api/recommend", signal, JSON.parse(request));
    playlist = { request, answer };
    refused = undefined;
    understand(answer.seeds);
    showSongs();
    showPlaylist(answer);
  } catch (error) {
    if (error.kind !== "refused") throw error;
    refused = { request, error };
    playlist = undefined;
    hidePlaylist();
  } finally {
    if (!signal.aborted) showWaiting(false);
  }
}

async function refreshModel(signal) {
  const isOther = playlist && playlist.answer.model_version !== model?.model_version;
  if (isOther || performance.now() - looked >= LOOK_MS) {
    const before = model?.model_version;
    model = await ask("api/model", signal);
    looked = performance.now();
    if (model.model_version !== before) starters = undefined;
    showModel(model);
  }
  if (!model.model_version) {
    looked = -Infinity;
    throw new ServiceError("no-model", "");
  }
  if (!wanted() && !starters) starters = (await ask(`api/songs?page_size=${STARTERS}`, signal)).songs;
  showStarters(wanted() ? [] : starters);
}

/** Says what is amiss, and tries again later and later, but not before the service wants it. */
function fail(error) {
  const wait = Math.max(Math.min(FIRST_RETRY_MS * 2 ** failures, LAST_RETRY_MS), error.retryAfter);
  failures += 1;
  // Without a token there is nothing to wait for.
  const retries = error.kind !== "token";
  noticeFailure(error, retries ? wait : Infinity, refresh);
  if (retries) schedule(wait);
}

function schedule(wait) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    // Nobody looks: it can wait until somebody does.
    if (document.hidden) isDue = true;
    else refresh();
  }, wait);
}

/** Asks the new model for what is shown. */
function update() {
  playlist = undefined;
  refresh();
  byId("playlist-heading").focus();
}

function show() {
  const { songs } = read();
  document.title = songs.length ? `${text.titleWith(songs[0], songs.length - 1)} · ${text.title}` : text.title;
  showSongs();
  showChoices();
  if (songs.length) showStarters([]);
  refresh();
}

fillIn();
preparePlaylist();
prepareNotice(refresh);
combobox({
  search: async (query, signal) => (await ask(`api/songs?${new URLSearchParams({ query, page_size: 8 })}`, signal)).songs,
  take: addSong,
  takeTexts: addTexts,
});
onChange(show);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && isDue) refresh();
});
addEventListener("online", refresh);
show();
// With a keyboard at hand the first thing to do is to type; on a phone this would open one over half of the page.
if (!read().songs.length && matchMedia("(pointer: fine)").matches) byId("song").focus();
