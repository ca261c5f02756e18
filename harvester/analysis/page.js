"use strict";
(() => {
  const value = (cell) => cell.dataset.v ?? cell.textContent;
  const safe = (text) => (/^[=+\-@\t\r]/.test(text) && !/^[+-]?\d+(\.\d+)?$/.test(text) ? "'" + text : text);
  const quoted = (text) => (/[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
  const line = (cells, text) => Array.from(cells, (cell) => quoted(safe(text(cell)))).join(",") + "\r\n";

  const compare = (one, other) => {
    const a = Number(one), b = Number(other);
    if (one !== "" && other !== "" && !Number.isNaN(a) && !Number.isNaN(b)) return a - b;
    return one < other ? -1 : one > other ? 1 : 0;
  };

  const sort = (table, place, head) => {
    const down = head.getAttribute("aria-sort") !== "descending";
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = Array.from(table.tBodies[0].rows);
    rows.sort((a, b) => compare(value(a.cells[place]), value(b.cells[place])) * (down ? -1 : 1));
    table.tBodies[0].append(...rows);
  };

  const csv = (table) =>
    line(table.tHead.rows[0].cells, value) +
    Array.from(table.tBodies[0].rows, (row) => line(row.cells, value)).join("");

  for (const table of document.querySelectorAll("table")) {
    Array.from(table.tHead.rows[0].cells).forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => sort(table, place, head));
      head.replaceChildren(button);
    });
    const save = document.createElement("a");
    save.className = "save";
    save.textContent = "Download as CSV";
    save.download = table.dataset.name + ".csv";
    save.href = "data:text/csv;charset=utf-8,";
    save.addEventListener("click", () => {
      save.href = "data:text/csv;charset=utf-8," + encodeURIComponent(csv(table));
    });
    table.parentElement.after(save);
  }
})();
