// What is needed of the document, in few words.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/**
 * A new element: `element("button", { type: "button", onclick }, "Text", child)`. A function is a listener, an attribute that is
 * `undefined`, `null` or `false` is left out, and `true` is one without a value.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

/** Says something to those who hear the page, once they have heard what is said now. */
export function announce(words) {
  // What is said twice would not be heard the second time.
  const place = byId("announcement");
  place.textContent = place.textContent === words ? `${words}\u00a0` : words;
}
