// All texts of the page, in English and in Brazilian Portuguese.

const english = {
  title: "Playlist recommender",
  intro: "Name songs you like, and get a playlist that goes with them.",
  titleWith: (song, others) => `Playlist with ${song}${others ? ` and ${others} more` : ""}`,

  songsHeading: "Songs you like",
  songLabel: "Add a song",
  songHint: "A title, artist - title, or a link to a track. A list of songs can be pasted, one a line.",
  optionsLabel: "Songs found",
  optionsCount: (count) => (count === 1 ? "1 song found" : `${count} songs found`),
  optionsNone: (query) => `No song is called “${query}” or nearly so.`,
  optionsFailed: "Songs cannot be looked up now. Enter adds what you typed.",
  by: (title, artist) => (artist ? `${title} by ${artist}` : title),
  remove: (song) => `Remove ${song}`,
  added: (song) => `Added ${song}.`,
  addedMany: (count) => `Added ${count} songs.`,
  removed: (song) => `Removed ${song}.`,
  alreadyThere: (song) => `${song} is there already.`,
  startersLabel: "Or begin with one of these:",

  doubtsLabel: "Songs to look at",
  unknown: (seed) => `The model does not know “${seed}”.`,
  takenFor: (seed, song) => `“${seed}” was taken for ${song}.`,
  didYouMean: "Did you mean:",
  ratherThan: (song, seed) => `${song}, instead of “${seed}”`,

  playlistHeading: "Your playlist",
  lengthLabel: "Songs",
  perArtistLabel: "Per artist",
  anyNumber: "any number",
  atMost: (count) => `at most ${count}`,
  ready: (count, first) => `The playlist has ${count === 1 ? "1 song" : `${count} songs`}. The first is ${first}.`,
  nothing: "The model has no other songs to recommend.",
  onlyPopular: "The model knows none of your songs, so these are simply the most popular ones.",
  because: (names) => `Goes with ${names}`,
  popular: (share) => `Popular: in ${share} of all playlists`,
  rule: (antecedent, confidence, both, all, lift) =>
    `${confidence} of the playlists with ${antecedent} have it, too: ${both} of ${all}, ${lift} times as often as anywhere.`,
  songsBy: (artist) => `songs by ${artist}`,
  why: (song) => `: why ${song}`,
  add: (song) => `Add ${song} to your songs`,
  hide: (song) => `Do not recommend ${song}`,
  hid: (song) => `${song} is not recommended any more.`,
  hiddenCount: (count) => (count === 1 ? "1 song is left out." : `${count} songs are left out.`),
  showHidden: "Allow again",
  saveM3u8: "Save for a player (M3U8)",
  saveCsv: "Save as a table (CSV)",
  copyLink: "Copy link",
  copied: "Link copied",
  fileName: "playlist",

  away: "The service is out of reach. What is shown stays until it is back.",
  busy: "The service has more to do than it can answer soon.",
  noModel: "No model has been published yet. The page goes on by itself as soon as there is one.",
  fault: (message) => `The service has a fault: ${message}`,
  refused: (message) => `The service cannot answer this: ${message}. Remove or change a song.`,
  tokenNeeded: "This service asks for a token. Whoever runs it can give you one.",
  tokenWrong: "The service does not accept this token.",
  tokenLabel: "Token",
  tokenSend: "Use it",
  nextTry: (seconds) => (seconds <= 1 ? "Next try in a moment." : `Next try in ${seconds} seconds.`),
  tryNow: "Try now",
  newModel: "A newly trained model is in service. Your playlist is still from the one before.",
  update: "Update the playlist",

  modelHeading: "The model behind it",
  trained: (date, playlists, songs) => `Learned on ${date} from ${playlists} playlists with ${songs} different songs.`,
  rejected: (reason) => `The last look for another model failed, and this one stays: ${reason}`,
  evaluationHeading: "How good is it?",
  evaluation: (seeds, hits, popular, playlists) =>
    `Measured on ${playlists} playlists that it had not seen: told ${seeds === 1 ? "1 song" : `${seeds} songs`} of one, it names ` +
    `another of its songs among the first 10 in ${hits} of the cases. Naming the most popular songs does so in ${popular}.`,
  evaluationCaption: "Figures by the number of songs given",
  given: "Songs given",
  hits: "Hit in the first 10",
  hitsPopular: "if only popular",
  precision: "R-precision",
  precisionPopular: "if only popular",
  evaluationNote: "R-precision is the share of a playlist's other songs among as many recommendations.",
  detailsHeading: "Details",
  version: "Model version",
  published: "Published",
  loaded: "In service since",
  dataset: "Learned from",
  rules: "Rules",
  ruleCounts: (songs, artists) => `${songs} from songs, ${artists} from artists`,
  service: "Service",
  serviceAt: (version, replica) => `version ${version}, answered by ${replica}`,
  lastLook: "Last look for another model",
};

const portuguese = {
  title: "Recomendador de playlists",
  intro: "Diga músicas de que você gosta e receba uma playlist que combina com elas.",
  titleWith: (song, others) => `Playlist com ${song}${others ? ` e mais ${others}` : ""}`,

  songsHeading: "Músicas de que você gosta",
  songLabel: "Adicionar uma música",
  songHint: "Um título, artista - título ou o link de uma faixa. Dá para colar uma lista de músicas, uma por linha.",
  optionsLabel: "Músicas encontradas",
  optionsCount: (count) => (count === 1 ? "1 música encontrada" : `${count} músicas encontradas`),
  optionsNone: (query) => `Nenhuma música se chama “${query}” ou quase isso.`,
  optionsFailed: "Não dá para procurar músicas agora. Enter adiciona o que você digitou.",
  by: (title, artist) => (artist ? `${title}, de ${artist}` : title),
  remove: (song) => `Remover ${song}`,
  added: (song) => `Adicionada: ${song}.`,
  addedMany: (count) => `${count} músicas adicionadas.`,
  removed: (song) => `Removida: ${song}.`,
  alreadyThere: (song) => `${song} já está na lista.`,
  startersLabel: "Ou comece com uma destas:",

  doubtsLabel: "Músicas para conferir",
  unknown: (seed) => `O modelo não conhece “${seed}”.`,
  takenFor: (seed, song) => `“${seed}” foi entendida como ${song}.`,
  didYouMean: "Você quis dizer:",
  ratherThan: (song, seed) => `${song}, em vez de “${seed}”`,

  playlistHeading: "Sua playlist",
  lengthLabel: "Músicas",
  perArtistLabel: "Por artista",
  anyNumber: "qualquer número",
  atMost: (count) => `no máximo ${count}`,
  ready: (count, first) => `A playlist tem ${count === 1 ? "1 música" : `${count} músicas`}. A primeira é ${first}.`,
  nothing: "O modelo não tem outras músicas para recomendar.",
  onlyPopular: "O modelo não conhece nenhuma das suas músicas; estas são só as mais populares.",
  because: (names) => `Combina com ${names}`,
  popular: (share) => `Popular: está em ${share} das playlists`,
  rule: (antecedent, confidence, both, all, lift) =>
    `${confidence} das playlists com ${antecedent} também têm esta: ${both} de ${all}, ${lift} vezes a frequência geral.`,
  songsBy: (artist) => `músicas de ${artist}`,
  why: (song) => `: por que ${song}`,
  add: (song) => `Adicionar ${song} às suas músicas`,
  hide: (song) => `Não recomendar ${song}`,
  hid: (song) => `${song} não será mais recomendada.`,
  hiddenCount: (count) => (count === 1 ? "1 música ficou de fora." : `${count} músicas ficaram de fora.`),
  showHidden: "Permitir de novo",
  saveM3u8: "Salvar para um player (M3U8)",
  saveCsv: "Salvar como tabela (CSV)",
  copyLink: "Copiar link",
  copied: "Link copiado",
  fileName: "playlist",

  away: "O serviço está fora de alcance. O que está na tela fica até ele voltar.",
  busy: "O serviço tem mais pedidos do que consegue responder logo.",
  noModel: "Ainda não há modelo publicado. A página continua sozinha assim que houver um.",
  fault: (message) => `O serviço está com defeito: ${message}`,
  refused: (message) => `O serviço não pode responder a isso: ${message}. Remova ou mude uma música.`,
  tokenNeeded: "Este serviço pede um token. Quem o mantém pode lhe dar um.",
  tokenWrong: "O serviço não aceita este token.",
  tokenLabel: "Token",
  tokenSend: "Usar",
  nextTry: (seconds) => (seconds <= 1 ? "Nova tentativa em instantes." : `Nova tentativa em ${seconds} segundos.`),
  tryNow: "Tentar agora",
  newModel: "Um modelo recém-treinado está em serviço. Sua playlist ainda é do anterior.",
  update: "Atualizar a playlist",

  modelHeading: "O modelo por trás",
  trained: (date, playlists, songs) => `Aprendido em ${date} com ${playlists} playlists de ${songs} músicas diferentes.`,
  rejected: (reason) => `A última busca por outro modelo falhou, e este continua: ${reason}`,
  evaluationHeading: "Ele é bom?",
  evaluation: (seeds, hits, popular, playlists) =>
    `Medido em ${playlists} playlists que ele não tinha visto: com ${seeds === 1 ? "1 música" : `${seeds} músicas`} de uma delas, ele cita ` +
    `outra música dela entre as 10 primeiras em ${hits} dos casos. Citar as músicas mais populares consegue isso em ${popular}.`,
  evaluationCaption: "Números conforme a quantidade de músicas dadas",
  given: "Músicas dadas",
  hits: "Acerto nas 10 primeiras",
  hitsPopular: "só populares",
  precision: "R-precision",
  precisionPopular: "só populares",
  evaluationNote: "R-precision é a parte das outras músicas de uma playlist que está entre outras tantas recomendações.",
  detailsHeading: "Detalhes",
  version: "Versão do modelo",
  published: "Publicado",
  loaded: "Em serviço desde",
  dataset: "Aprendido de",
  rules: "Regras",
  ruleCounts: (songs, artists) => `${songs} de músicas, ${artists} de artistas`,
  service: "Serviço",
  serviceAt: (version, replica) => `versão ${version}, respondido por ${replica}`,
  lastLook: "Última busca por outro modelo",
};

const isPortuguese = (navigator.languages.find((it) => /^(en|pt)\b/i.test(it)) ?? "en").toLowerCase().startsWith("pt");

/** The texts in the person's language. */
export const text = isPortuguese ? portuguese : english;

/** The language, and how it writes numbers: those of the browser, where it is one of theirs. */
const locale = navigator.languages.find((it) => it.toLowerCase().startsWith(isPortuguese ? "pt" : "en")) ?? "en";

/** Puts the texts where the document asks for them. */
export function fillIn() {
  document.documentElement.lang = isPortuguese ? "pt-BR" : "en";
  for (const place of document.querySelectorAll("[data-text]")) place.textContent = text[place.dataset.text];
  for (const place of document.querySelectorAll("[data-label]")) place.setAttribute("aria-label", text[place.dataset.label]);
}

/** `1,234`. */
export const count = new Intl.NumberFormat(locale).format;

/** `0.52`. */
export const ratio = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format;

/** `2.4`, and `24` from ten on. */
export const times = new Intl.NumberFormat(locale, { maximumSignificantDigits: 2 }).format;

/** `33%`, and `0.4%` below ten. */
export const share = new Intl.NumberFormat(locale, { style: "percent", maximumSignificantDigits: 2 }).format;

/** `A, B, and C`. */
export const list = (items) => new Intl.ListFormat(locale, { type: "conjunction" }).format(items);

const dates = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short" });

/** The local time of a date in RFC 3339. */
export const date = (rfc3339) => dates.format(new Date(rfc3339));
