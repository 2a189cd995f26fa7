// Gives a name to what the stock admin and the rich-text editor leave without one for screen readers: a field in a
// table by its column, an editor and an autocomplete by the label of the field that they stand for.
{
  const labelOf = (field) => field?.labels?.[0]?.textContent.replace(/:\s*$/, "").trim();

  const columnOf = (field) => {
    const cell = field.closest("td");
    return cell?.closest("table")?.tHead?.rows[0]?.cells[cell.cellIndex]?.innerText.trim();
  };

  const name = (element, text) => {
    if (text && !element.hasAttribute("aria-label")) element.setAttribute("aria-label", text);
  };

  const nameAll = () => {
    for (const field of document.querySelectorAll(".tabular td :is(input, select, textarea):not([type=hidden])")) {
      if (!field.labels?.length) name(field, columnOf(field));
    }
    // Django puts the name of a file input into a legend, outside of the input's own group.
    for (const field of document.querySelectorAll("input[type=file]")) {
      if (!field.labels?.length) name(field, field.closest("fieldset")?.querySelector(":scope > legend")?.textContent.trim());
    }
    for (const editor of document.querySelectorAll(".ProseMirror[contenteditable]")) {
      name(editor, labelOf(editor.closest(".prose-editor")?.querySelector("textarea")));
    }
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const text = labelOf(select) || columnOf(select);
      const parts = "[role=combobox], [role=textbox], [role=searchbox]";
      for (const part of select.nextElementSibling?.querySelectorAll(parts) ?? []) name(part, text);
    }
    const search = document.getElementById("searchbar");
    if (search) name(search, document.querySelector("#changelist-search [type=submit]")?.value);
  };

  // Editors and autocompletes are made by scripts of their own, and again for each new row.
  let asked = false;
  new MutationObserver(() => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      nameAll();
    });
  }).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("DOMContentLoaded", nameAll);
}
