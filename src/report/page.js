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

// A run that is pointed at, in a plot or in the table, is marked wherever it stands; in a plot its record shows in a
// box beside the mark. Without this script browsers show the record as the mark's title. Each plot is one stop of
// the tab key; arrows go from mark to mark, Escape closes the box.
const box = document.createElement("div");
box.className = "record";
box.hidden = true;
document.body.append(box);

function mark(run) {
  document.querySelectorAll("[data-run].on").forEach((element) => element.classList.remove("on"));
  if (run === undefined) return;
  document.querySelectorAll(`[data-run="${CSS.escape(run)}"]`).forEach((element) => element.classList.add("on"));
}

function hide() {
  box.hidden = true;
  mark();
}

function show(place) {
  mark(place.dataset.run);
  box.replaceChildren(
    ...place.getAttribute("aria-label").split("\n").flatMap((line) => {
      const colon = line.indexOf(": ");
      const [name, value] = [document.createElement("dt"), document.createElement("dd")];
      name.textContent = line.slice(0, colon);
      value.textContent = line.slice(colon + 2);
      return [name, value];
    }),
  );
  box.hidden = false;
  // Its size is measured where nothing squeezes it.
  box.style.left = "0";
  const at = place.getBoundingClientRect();
  const { clientWidth: width, clientHeight: height } = document.documentElement;
  const { offsetWidth: across, offsetHeight: down } = box;
  // Right of the mark, or left of it, or where a window is narrow under it or over it; inside the window in any case.
  let [left, top] = [at.right + 8, at.top + at.height / 2 - down / 2];
  if (left + across > width) left = at.left - 8 - across;
  if (left < 0) [left, top] = [at.left, at.bottom + 8 + down <= height ? at.bottom + 8 : at.top - 8 - down];
  box.style.left = `${Math.max(4, Math.min(left, width - across - 4))}px`;
  box.style.top = `${Math.max(4, Math.min(top, height - down - 4))}px`;
}

document.querySelectorAll("figure svg").forEach((plot) => {
  // From left to right, whatever the order they were drawn in.
  const places = [...plot.querySelectorAll("circle.run")].sort((a, b) => a.cx.baseVal.value - b.cx.baseVal.value);
  if (places.length > 0) plot.setAttribute("role", "group");
  places.forEach((place, index) => {
    const title = place.querySelector("title");
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", title.textContent);
    title.remove();
    place.tabIndex = index === 0 ? 0 : -1;
    place.addEventListener("pointerenter", () => show(place));
    place.addEventListener("pointerleave", hide);
    place.addEventListener("focus", () => show(place));
    place.addEventListener("blur", hide);
    place.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const next = places[index + step];
      if (step !== undefined) event.preventDefault();
      if (next === undefined) return;
      place.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  });
});
document.querySelectorAll("tr[data-run]").forEach((row) => {
  row.addEventListener("pointerenter", () => mark(row.dataset.run));
  row.addEventListener("pointerleave", () => mark());
});
document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
