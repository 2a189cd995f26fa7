// The little that pages do beyond HTML. Every page works without it.
import {
  createAll,
  CharacterCount,
  ErrorSummary,
  Header,
  SkipLink,
} from "nhsuk-frontend";

for (const component of [CharacterCount, ErrorSummary, Header, SkipLink]) {
  createAll(component);
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// Suggestions cost nothing until somebody turns to a search box.
for (const input of document.querySelectorAll("[data-suggestions]")) {
  let isAsked = false;
  const enhance = async () => {
    if (isAsked) return;
    isAsked = true;
    try {
      const { suggestFor } = await import(input.dataset.suggestionsScript);
      suggestFor(input);
    } catch {
      // Without them the box searches all the same.
    }
  };
  input.addEventListener("focus", enhance);
  input.addEventListener("input", enhance);
  if (document.activeElement === input) enhance();
}
