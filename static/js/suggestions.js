// Suggestions while somebody types into a search box, as a combobox with a list below it (WAI-ARIA's pattern).
// site.js fetches this file when a search box is first turned to. Whatever fails here, the box searches as before.
import Combobox from "@github/combobox-nav";

const PAUSE = 150; // milliseconds without a key before the site is asked
const SHORTEST = 2; // characters; one says nothing yet

function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    element.setAttribute(attribute, value);
  }
  element.append(...children);
  return element;
}

// The text with the beginnings of words that were typed in bold. Text stays text: nothing here can become markup.
function emphasise(text, typed) {
  const words = typed.match(/[\p{L}\p{N}]+/gu) ?? [];
  if (!words.length) return [text];
  const longestFirst = words.sort((a, b) => b.length - a.length).join("|");
  // In turns: what stands between, the character before a word, the beginning of the word.
  const pieces = text.split(new RegExp(`(^|[^\\p{L}\\p{N}])(${longestFirst})`, "giu"));
  return pieces.map((piece, index) => (index % 3 === 2 ? make("b", {}, piece) : piece));
}

// A line of a suggestion. Where another follows, a comma that is only heard parts the two.
function line(name, isLast, ...text) {
  const comma = isLast ? [] : [make("span", { class: "nhsuk-u-visually-hidden" }, ",")];
  return make("span", { class: `app-suggestion__${name}` }, ...text, ...comma);
}

// A link, so that it opens in a new tab as any other does; the focus stays in the box.
function option({ kind, text, address, other_name: otherName }, typed, id) {
  return make(
    "a",
    { class: "app-suggestion", href: address, id, role: "option", tabindex: "-1" },
    line("text", false, ...emphasise(text, typed)),
    ...(otherName ? [line("also", false, "also known as ", ...emphasise(otherName, typed))] : []),
    line("kind", true, kind),
  );
}

export function suggestFor(input) {
  const list = make("div", {
    "aria-label": "Suggestions",
    class: "app-suggestions",
    hidden: "",
    id: `${input.id}-suggestions`,
    role: "listbox",
  });
  const status = make("div", { class: "nhsuk-u-visually-hidden", role: "status" });
  input.parentElement.append(list, status);
  // ARIA knows no combobox of type "search"; a phone still shows its key for searching.
  input.type = "text";
  input.enterKeyHint = "search";
  const combobox = new Combobox(input, list, { tabInsertsSuggestions: false });

  let timer;
  let request; // the one on its way, to be called off by the next
  let answered = null; // what the list is for
  let isExplained = false; // how to move through the list

  const isOpen = () => !list.hidden;

  function hide() {
    if (isOpen()) combobox.stop();
    list.hidden = true;
    status.textContent = "";
  }

  function close() {
    clearTimeout(timer);
    request?.abort();
    hide();
  }

  function open() {
    if (isOpen() || !list.childElementCount || document.activeElement !== input) return;
    list.hidden = false;
    combobox.start();
    const number = list.childElementCount;
    const counted = `${number} ${number === 1 ? "suggestion" : "suggestions"}.`;
    status.textContent = isExplained ? counted : `${counted} Use the up and down arrow keys.`;
    isExplained = true;
  }

  async function ask(typed) {
    request = new AbortController();
    const { signal } = request;
    try {
      const query = new URLSearchParams({ q: typed });
      const response = await fetch(`${input.dataset.suggestions}?${query}`, { signal });
      if (!response.ok) throw new Error(response.statusText);
      const { suggestions } = await response.json();
      if (signal.aborted) return;
      hide();
      list.replaceChildren(
        ...suggestions.map((suggestion, index) => option(suggestion, typed, `${list.id}-${index + 1}`)),
      );
      answered = typed;
      open();
    } catch {
      // Called off, or no answer: nothing is suggested. Searching needs none of this.
      if (!signal.aborted) forget();
    }
  }

  function forget() {
    close();
    list.replaceChildren();
    answered = null;
  }

  function typing() {
    clearTimeout(timer);
    request?.abort();
    const typed = input.value.trim();
    if (typed === answered) {
      open();
    } else if (typed.length < SHORTEST) {
      forget();
    } else {
      timer = setTimeout(ask, PAUSE, typed);
    }
  }

  input.addEventListener("input", typing);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen()) {
      close();
      event.preventDefault();
    } else if (event.key === "ArrowDown" && !isOpen() && input.value.trim() === answered) {
      open();
      event.preventDefault();
    }
  });
  input.form.addEventListener("submit", close);
  input.addEventListener("blur", close);
  // The box keeps the focus while a suggestion is pressed, or the list would be gone before the press ends.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  // Where a touch beside the box leaves the focus in it, as on an iPhone.
  document.addEventListener("pointerdown", (event) => {
    if (event.target !== input && !list.contains(event.target)) close();
  });
  // Whoever comes back finds the page as if nothing had been open.
  window.addEventListener("pagehide", close);

  // What was typed while this file was on its way.
  if (input.value !== input.defaultValue) typing();
}
