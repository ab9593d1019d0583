// A click on a heading sorts the table by that column, a second click turns the order. Numbers sort as numbers;
// what is absent comes last either way.
document.querySelectorAll("table.runs thead button").forEach((button) => {
  button.addEventListener("click", () => {
    const heading = button.parentElement;
    const column = heading.cellIndex;
    const direction = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const body = heading.closest("table").tBodies[0];
    const key = (row) => row.cells[column].dataset.sort;
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if ((x === "–") !== (y === "–")) return x === "–" ? 1 : -1;
      const numbers = [Number(x), Number(y)];
      if (numbers.every((n) => !Number.isNaN(n))) return sign * (numbers[0] - numbers[1]);
      return sign * x.localeCompare(y);
    });
    body.append(...rows);
  });
});
