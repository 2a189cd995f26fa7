// Keeps the choices of a select in step with the rows of another inline on the same page, while somebody types: a
// figure's sources, a report's sections. Without it the choices are those of the last save, and the server checks
// them all the same. See PickRowForm in casestudies/staff_forms.py. A new row also gets the next number in its order.
{
  const bound = new WeakMap(); // select -> the input of the row that it names, whatever its address becomes

  const rowsFor = (select) => {
    const { rows, rowKey, rowLabel } = select.dataset;
    const inputs = document.querySelectorAll(`[name^="${rows}-"][name$="-${rowKey}"]`);
    return [...inputs].flatMap((input) => {
      const row = input.name.slice(0, -rowKey.length - 1);
      if (row.includes("__prefix__") || !input.value.trim()) return [];
      if (document.querySelector(`[name="${row}-DELETE"]`)?.checked) return [];
      const label = document.querySelector(`[name="${row}-${rowLabel}"]`);
      return [{ input, key: input.value.trim(), label: label?.value.trim() || input.value.trim() }];
    });
  };

  const bind = (select, rows) => {
    const row = rows.find(({ key }) => key === select.value);
    if (row) bound.set(select, row.input);
    else bound.delete(select);
  };

  const sync = () => {
    for (const select of document.querySelectorAll("select[data-rows]")) {
      const rows = rowsFor(select);
      if (!bound.has(select)) bind(select, rows);
      const blank = new Option(select.options[0]?.text ?? "", "");
      select.replaceChildren(blank, ...rows.map(({ key, label }) => new Option(label, key)));
      select.value = rows.find(({ input }) => input === bound.get(select))?.key ?? "";
    }
  };

  const isRow = ({ name = "" }) => [...document.querySelectorAll("select[data-rows]")]
    .some((select) => name.startsWith(`${select.dataset.rows}-`));

  document.addEventListener("input", ({ target }) => {
    if (isRow(target)) sync();
  });
  document.addEventListener("change", ({ target }) => {
    if (target.matches("select[data-rows]")) bind(target, rowsFor(target));
    else if (isRow(target)) sync();
  });
  document.addEventListener("formset:added", ({ target, detail }) => {
    const order = target.querySelector('[name$="-order"]');
    const others = [...document.querySelectorAll(`[name^="${detail.formsetName}-"][name$="-order"]`)]
      .filter((input) => input !== order && !input.name.includes("__prefix__"));
    if (order) order.value = Math.max(-1, ...others.map((input) => Number(input.value))) + 1;
    sync();
  });
  document.addEventListener("formset:removed", sync);
}
