"use strict";

const list = document.querySelector("#playlist");

/** Shows texts as the playlist. */
function show(texts) {
  list.replaceChildren(
    ...texts.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }),
  );
}

document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const lines = document.querySelector("#songs").value.split("\n");
  const songs = lines.map((line) => line.trim()).filter((line) => line);
  try {
    const answer = await fetch("/api/recommend", { method: "POST", body: JSON.stringify({ songs }) });
    const body = await answer.json();
    show(answer.ok ? body.songs : [body.error.message]);
  } catch (error) {
    show([`The service did not answer: ${error.message}`]);
  }
});
