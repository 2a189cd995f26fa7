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

