// The playlist as a file, as the program `playlist` writes it.

import { text } from "./texts.js";

/** Text in one line, without what a terminal or a player could obey. */
const clean = (words) => words.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, " ");

const nameOf = ({ title, artist }) => clean(artist ? `${artist} - ${title}` : title);

/** Hands the browser a file to save. */
function save(extension, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = `${text.fileName}.${extension}`;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Extended M3U in UTF-8: for each song a line with its name, its length not being known, and one with its URI. */
export function saveM3u8({ seeds, recommendations }) {
  const lines = ["#EXTM3U", `#PLAYLIST:${seeds.map(({ seed }) => clean(seed)).join(", ")}`];
  for (const { song } of recommendations) {
    // Without a URI that is one line of a playlist, a line with `#EXTINF` would be taken for the name of the next song.
    if (/^[^#\s\p{Cc}][^\s\p{Cc}]*$/u.test(song.uri)) lines.push(`#EXTINF:-1,${nameOf(song)}`, song.uri);
    else lines.push(`# ${nameOf(song)}`);
  }
  save("m3u8", "audio/mpegurl", `${lines.join("\n")}\n`);
}

/** A cell of a table. One that a spreadsheet could calculate has an apostrophe before it, as OWASP advises. */
function cell(value) {
  if (typeof value === "number") return String(value);
  const words = clean(value).replace(/^[=+\-@\uff1d\uff0b\uff0d\uff20]/, "'$&");
  return /[",]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words;
}

/** A table after RFC 4180. */
export function saveCsv({ recommendations }) {
  const rows = recommendations.map(({ song, score, source }, index) => [
    index + 1,
    song.title,
    song.artist,
    song.uri,
    song.support_count,
    score,
    source,
  ]);
  const head = ["position", "title", "artist", "uri", "support_count", "score", "source"];
  save("csv", "text/csv", [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join(""));
}
