// What stands between songs and playlist when something is amiss, or new: what it is, and what happens next.

import { hasToken, useToken } from "./api.js";
import { byId } from "./dom.js";
import { text } from "./texts.js";

const place = byId("notice");
const [message, countdown] = place.querySelectorAll("p");
const form = place.querySelector("form");
const button = place.querySelector(".act");
let ticking;
let act = () => {};

/** Calls `goOn` when a token was given. */
export function prepareNotice(goOn) {
  button.addEventListener("click", () => act());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    useToken(byId("token").value.trim());
    byId("token").value = "";
    goOn();
  });
}

/** Shows words, and a button if there are words for one. */
function show(words, isError, label = "", onClick = () => {}) {
  clearInterval(ticking);
  countdown.textContent = "";
  form.hidden = true;
  // Those who hear the page hear what has changed, and only that.
  if (message.textContent !== words) message.textContent = words;
  act = onClick;
  button.hidden = !label;
  button.textContent = label;
  place.classList.toggle("error", isError);
  place.hidden = false;
}

/** Says that another model has come. */
export function noticeNewModel(update) {
  show(text.newModel, false, text.update, update);
}

/** Says what failed, and when the page tries again: in `wait` milliseconds, or never. `tryNow` does it at once. */
export function noticeFailure(error, wait, tryNow) {
  const retries = Number.isFinite(wait);
  // These two are as they should be, for the time being.
  const isError = error.kind !== "no-model" && error.kind !== "token";
  show(words(error), isError, retries ? text.tryNow : "", tryNow);
  form.hidden = error.kind !== "token";
  if (!retries) return;
  const end = Date.now() + wait;
  const tick = () => (countdown.textContent = text.nextTry(Math.max(0, Math.ceil((end - Date.now()) / 1000))));
  tick();
  ticking = setInterval(tick, 1000);
}

function words(error) {
  switch (error.kind) {
    case "away":
      return text.away;
    case "busy":
      return text.busy;
    case "no-model":
      return text.noModel;
    case "token":
      return hasToken() ? text.tokenWrong : text.tokenNeeded;
    case "fault":
      return text.fault(error.message);
    default:
      return text.refused(error.message);
  }
}

export function clearNotice() {
  clearInterval(ticking);
  place.hidden = true;
  message.textContent = "";
}
