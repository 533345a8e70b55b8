// What the page does when it is pointed at, clicked, sorted and filtered; without it all is there, but still.
"use strict";

const rows = [...document.querySelectorAll("#people tbody tr")];
const cards = new Map([...document.querySelectorAll(".card")].map((card) => [card.dataset.key, card]));

// Values are read from the drawn curves: the points of each piece, in half cells from the left and units from the top.
function pieces(path) {
  return path.getAttribute("d").split("M").slice(1).map((piece) => {
    const [, x, y, steps] = /^(\d+) (-?\d+)l([-\d ]+)/.exec(piece);
    const numbers = steps.split(" ").map(Number);
    const points = [];
    let left = Number(x), top = Number(y);
    for (let place = 0; place < numbers.length; place += 2) {
      left += numbers[place];
      top += numbers[place + 1];
      points.push([left, top]);
    }
    return { from: Number(x), to: left, points: points.slice(0, -1) };
  });
}

function valueAt(found, x) {
  const piece = found.find((one) => one.from <= x && x <= one.to);
  if (!piece) return null;
  return piece.points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best))[1];
}

function clock(time) {
  const tenths = (time % 60).toFixed(1);
  if (time < 60) return `${tenths} s`;
  const minutes = Math.floor(time / 60);
  const start = minutes < 60 ? `${minutes}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
  return `${start}:${tenths.padStart(4, "0")}`;
}

function signed(value) {
  const text = Math.abs(value).toFixed(2);
  return (value < 0 && text !== "0.00" ? "\u2212" : "+") + text;
}

function readable(card) {
  const plot = card.querySelector(".plot"), cursor = card.querySelector(".cursor");
  const output = card.querySelector(".reading output");
  const length = Number(plot.dataset.length), cells = Number(plot.dataset.cells);
  const bands = card.querySelector("svg.bands"), lines = card.querySelector("svg.lines");
  const height = Number((bands ?? lines)?.getAttribute("viewBox").split(" ")[3]);
  let curves = null, kept = null;

  function values(time) {
    curves ??= [...plot.querySelectorAll("path[data-label]")].map((path) => [path, pieces(path)]);
    const x = Math.min((2 * cells * time) / length, 2 * cells - 0.01);
    const expressions = [], dimensions = [];
    let covered = 0;
    // Bands are drawn from the top one down, so the last one reaches from the bottom to its own edge.
    for (const [path, drawn] of [...curves].reverse()) {
      const y = valueAt(drawn, x);
      if (y === null) continue;
      if (path.closest("svg") === lines) {
        dimensions.unshift({ label: path.dataset.label, colour: path.getAttribute("stroke"), text: signed(1 - (2 * y) / height) });
      } else {
        const share = 1 - y / height - covered;
        covered += share;
        const text = Math.min(share, 0.99).toFixed(2);
        if (share >= 0.045) expressions.push({ label: path.dataset.label, colour: path.getAttribute("fill"), text, share });
      }
    }
    expressions.sort((one, other) => other.share - one.share);
    return [...expressions, ...dimensions];
  }

  function show(time) {
    cursor.hidden = false;
    cursor.style.left = `${(100 * time) / length}%`;
    const found = values(time);
    output.replaceChildren(item(clock(time)), ...found.map(({ label, colour, text }) => item(`${label} ${text}`, colour)));
    if (!found.length) output.append(item("not seen, or not reliable"));
  }

  function item(text, colour) {
    const span = document.createElement("span");
    if (colour) {
      const dot = document.createElement("span");
      dot.className = "dot";
      dot.style.cssText = `background:${colour};margin-right:.3em`;
      span.append(dot);
    }
    span.append(`${text} `);
    return span;
  }

  function choose(time) {
    kept = time;
    show(time);
    const faces = [...card.querySelectorAll(".strip figure")];
    if (!faces.length) return;
    const off = (face) => Math.abs(Number(face.dataset.time) - time);
    const nearest = faces.reduce((best, face) => (off(face) < off(best) ? face : best));
    for (const face of faces) face.classList.toggle("chosen", face === nearest);
    const strip = nearest.parentElement;
    strip.scrollTo({ left: nearest.offsetLeft - strip.offsetLeft - strip.clientWidth / 2 + 26, behavior: "smooth" });
    const large = card.querySelector(".reading img") ?? document.createElement("img");
    large.src = nearest.querySelector("img").src;
    large.alt = `face at ${clock(Number(nearest.dataset.time))}`;
    card.querySelector(".reading").prepend(large);
    output.append(item(`face: ${clock(Number(nearest.dataset.time))}`));
  }

  const timeOf = (event) => {
    const box = plot.getBoundingClientRect();
    return length * Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  };
  plot.addEventListener("pointermove", (event) => show(timeOf(event)));
  plot.addEventListener("pointerleave", () => {
    if (kept !== null) choose(kept);
    else {
      cursor.hidden = true;
      output.replaceChildren();
    }
  });
  plot.addEventListener("click", (event) => choose(timeOf(event)));
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    choose(Math.min(Math.max((kept ?? 0) + (step * length) / Math.min(cells, 100), 0), length));
  });
  for (const part of card.querySelectorAll("[data-time]")) {
    part.addEventListener("click", () => choose(Number(part.dataset.time)));
  }
}

function sortBy(header, place, ascending) {
  const value = (row) => {
    const cell = row.cells[place];
    const shares = cell.dataset.values?.split(" ");
    const text = shares ? shares[header.querySelector("select").selectedIndex] : (cell.dataset.value ?? cell.textContent);
    return text === "" || Number.isNaN(Number(text)) ? text : Number(text);
  };
  const order = (one, other) => {
    const [first, second] = [value(one), value(other)];
    if (first === "" || second === "") return (first === "") - (second === "");
    const both = typeof first === "number" && typeof second === "number";
    const found = both ? first - second : String(first).localeCompare(String(second), undefined, { numeric: true });
    return ascending ? found : -found;
  };
  rows.sort(order);
  document.querySelector("#people tbody").append(...rows);
  const section = document.querySelector("#cards"), note = section.querySelector(":scope > .note");
  const keys = new Set(rows.map((row) => row.dataset.key));
  for (const key of keys) if (cards.has(key)) section.insertBefore(cards.get(key), note);
  for (const one of header.parentElement.cells) one.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
}

function sortable(header, place) {
  const select = header.querySelector("select");
  const button = document.createElement("button");
  button.type = "button";
  button.append(...[...header.childNodes].filter((node) => node !== select));
  header.prepend(button);
  const isNumber = rows[0]?.cells[place].dataset.value !== undefined || select !== null;
  button.addEventListener("click", () => {
    const now = header.getAttribute("aria-sort");
    sortBy(header, place, now ? now !== "ascending" : !isNumber);
  });
  select?.addEventListener("change", () => sortBy(header, place, false));
}

function filter() {
  const text = document.querySelector("#find").value.trim().toLowerCase();
  const wanted = [...document.querySelectorAll(".filters select")].map((select) => [Number(select.dataset.column), select]);
  const shown = new Set();
  for (const row of rows) {
    const choices = row.dataset.choices.split("\n");
    const fits = wanted.every(([place, select]) => !select.selectedIndex || choices[place] === select.value);
    row.hidden = !(fits && row.dataset.key.toLowerCase().includes(text));
    if (!row.hidden) shown.add(row.dataset.key);
  }
  for (const [key, card] of cards) card.hidden = !shown.has(key);
  const all = new Set(rows.map((row) => row.dataset.key)).size;
  document.querySelector("#counted").textContent = shown.size < all ? `${shown.size} of ${all} timelines` : "";
}

if (rows.length) {
  document.querySelectorAll("#people thead th").forEach(sortable);
  document.querySelector(".filters").addEventListener("input", filter);
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  for (const row of rows) {
    if (!cards.has(row.dataset.key)) continue;
    const link = document.createElement("a");
    link.href = "#cards";
    link.append(...row.cells[0].childNodes);
    row.cells[0].append(link);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      cards.get(row.dataset.key).scrollIntoView({ behavior: "smooth" });
    });
  }
}
for (const card of cards.values()) readable(card);
