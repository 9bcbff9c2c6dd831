"use strict";
// Every face has an element from the start, so that the scroll bar, the keyboard and a screen reader know all of them;
// its picture is in it only while it is near the window.

const SVG = "http://www.w3.org/2000/svg";
const holder = document.getElementById("data");
const { side, faces, others } = JSON.parse(holder.textContent);
const [IMAGE, FACE, CONFIDENCE, POINTS, BOX, HIDDEN, JPEG] = [0, 1, 2, 3, 4, 5, 6];
const byId = (name) => document.getElementById(name);
const grid = byId("faces");
// Most confidences lie close below 1, and what is not certain is not to look so.
const percent = (confidence) => {
  if (confidence === null) return "–";
  return `${confidence >= 0.99 && confidence < 1 ? Math.floor(1000 * confidence) / 10 : Math.round(100 * confidence)} %`;
};
const plural = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;

// --- marks, which outlive the page where the browser lets them

const key = `tcdcn-init review ${holder.dataset.page}`;
const marked = new Set(recalled().filter((index) => index in faces));

function recalled() {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? [];
  } catch {
    return [];
  }
}

function remember() {
  try {
    localStorage.setItem(key, JSON.stringify([...marked]));
  } catch {
    // Not allowed, or full: the marks last as long as the page.
  }
}

function mark(index, bad) {
  if (bad) marked.add(index);
  else marked.delete(index);
  items[index].setAttribute("aria-selected", bad);
  remember();
  count();
}

// --- a face

function make(face, index) {
  const item = document.createElement("li");
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", marked.has(index));
  item.setAttribute("aria-label", `${face[IMAGE]}, face ${face[FACE]}, confidence ${percent(face[CONFIDENCE])}`);
  item.title = `${face[IMAGE]}, face ${face[FACE]}`;
  item.tabIndex = -1;
  item.dataset.index = index;
  const picture = document.createElement("div");
  picture.className = "picture";
  const caption = document.createElement("div");
  caption.className = "caption";
  const confidence = document.createElement("b");
  confidence.textContent = percent(face[CONFIDENCE]);
  // What is too long loses its beginning, since numbers stand at the end.
  const name = document.createElement("span");
  const text = document.createElement("bdi");
  text.textContent = face[IMAGE].split(/[\\/]/).pop();
  name.append(text);
  caption.append(confidence, name);
  item.append(picture, caption);
  return item;
}

function show(item) {
  const face = faces[item.dataset.index];
  const picture = document.createElement("img");
  picture.alt = "";
  picture.src = `data:image/jpeg;base64,${face[JPEG]}`;
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", `0 0 ${side} ${side}`);
  if (face[BOX].length) {
    const [left, top, right, bottom] = face[BOX];
    draw(drawing, "rect", { x: left, y: top, width: right - left, height: bottom - top });
  }
  const dots = (points) => points.map(([x, y]) => `M${x} ${y}h0`).join("");
  const width = face[POINTS].length > 5 ? 2.6 : 5;
  const hidden = face[POINTS].filter((_, number) => face[HIDDEN].includes(number));
  draw(drawing, "path", { d: dots(face[POINTS]), "stroke-width": width * 1.6, class: "outline" });
  draw(drawing, "path", { d: dots(face[POINTS]), "stroke-width": width, class: "seen" });
  draw(drawing, "path", { d: dots(hidden), "stroke-width": width * 0.55, class: "inner" });
  item.firstChild.replaceChildren(picture, drawing);
}

function draw(drawing, kind, attributes) {
  const element = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  drawing.append(element);
}

const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) show(target);
      else target.firstChild.replaceChildren();
    }
  },
  { rootMargin: "800px 0px" },
);

const items = faces.map(make);

// --- which faces, in which order

let shown = [];

function arrange() {
  const limit = Number(byId("limit").value) / 100;
  const part = byId("name").value.trim().toLowerCase();
  const order = byId("order").value;
  byId("limit-text").textContent = percent(limit);
  const fits = (index) => {
    const face = faces[index];
    if (limit < 1 && face[CONFIDENCE] !== null && face[CONFIDENCE] > limit) return false;
    if (byId("only").checked && !marked.has(index)) return false;
    return !part || face[IMAGE].toLowerCase().includes(part);
  };
  shown = sorted[order].filter(fits);
  const before = document.activeElement;
  grid.replaceChildren(...shown.map((index) => items[index]));
  near.disconnect();
  for (const index of shown) near.observe(items[index]);
  byId("none").hidden = shown.length > 0 || faces.length === 0;
  if (before?.dataset.index !== undefined && before.isConnected) before.focus({ preventScroll: true });
  reachable(shown.includes(current) ? current : shown[0]);
  count();
}

const all = faces.map((_, index) => index);
const confidence = (index) => faces[index][CONFIDENCE] ?? -1;
const sorted = {
  name: all, // as the run had them
  low: [...all].sort((a, b) => confidence(a) - confidence(b)),
};
sorted.high = [...sorted.low].reverse();

function count() {
  const some = shown.length === faces.length ? "" : `${shown.length.toLocaleString("en")} of `;
  byId("count").textContent = `${some}${plural(faces.length, "face")}, ${marked.size.toLocaleString("en")} marked`;
  for (const name of ["csv", "txt", "clear"]) byId(name).disabled = marked.size === 0;
}

let waiting = 0;

function soon() {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(arrange);
}

for (const name of ["limit", "name", "order"]) byId(name).addEventListener("input", soon);
byId("only").addEventListener("change", soon);
byId("size").addEventListener("input", (event) => {
  document.documentElement.style.setProperty("--size", `${event.target.value}px`);
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());

// --- mouse and keyboard

let current = -1;

/** Of all faces the Tab key reaches one, from which the arrow keys go on. */
function reachable(index) {
  if (current in items) items[current].tabIndex = -1;
  current = index ?? -1;
  if (current in items) items[current].tabIndex = 0;
}

grid.addEventListener("click", (event) => {
  const item = event.target.closest("li");
  if (!item) return;
  const index = Number(item.dataset.index);
  reachable(index);
  item.focus({ preventScroll: true });
  mark(index, !marked.has(index));
});

grid.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const place = shown.indexOf(current);
  if (place < 0) return;
  if (event.key === " " || event.key === "Enter") {
    event.preventDefault();
    mark(current, !marked.has(current));
    return;
  }
  const row = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const last = shown.length - 1;
  const steps = {
    ArrowRight: place + 1, ArrowLeft: place - 1, ArrowDown: place + row, ArrowUp: place - row, Home: 0, End: last,
  };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const next = steps[event.key];
  if (next < 0 || next > last) return;
  reachable(shown[next]);
  items[current].focus();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, select")) {
    event.preventDefault();
    byId("name").focus();
  } else if (event.key === "Escape" && event.target.id === "name") {
    event.target.value = "";
    soon();
    if (current in items) items[current].focus();
  }
});

// --- lists of what is marked

byId("csv").addEventListener("click", () => {
  const rows = [...marked].sort((a, b) => a - b).map((index) => faces[index]);
  const lines = rows.map((face) => [face[IMAGE], face[FACE], face[CONFIDENCE] ?? ""].map(cell).join(","));
  save("marked.csv", "text/csv", ["image,face,confidence", ...lines]);
});

byId("txt").addEventListener("click", () => {
  const names = [...marked].sort((a, b) => a - b).map((index) => faces[index][IMAGE]);
  save("marked.txt", "text/plain", [...new Set(names)]);
});

byId("clear").addEventListener("click", () => {
  if (marked.size > 1 && !confirm(`Unmark all ${marked.size} faces?`)) return;
  for (const index of [...marked]) mark(index, false);
  if (byId("only").checked) soon();
});

function cell(value) {
  const text = /^[=+\-@\t\r]/.test(value) ? `./${value}` : String(value); // no spreadsheet's formula
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save(name, type, lines) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: `${type};charset=utf-8` }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// --- the rest of the page

const images = new Set(faces.map((face) => face[IMAGE])).size;
const known = faces.some((face) => face[CONFIDENCE] !== null);
byId("about").textContent =
  `${plural(faces.length, "face")} in ${plural(images, "image")}${known ? ", the least confident first" : ""}.`;
byId("limit-label").hidden = !known;
byId("points-legend").hidden = faces.length === 0;
byId("hidden-legend").hidden = !faces.some((face) => face[HIDDEN].length);
byId("box-legend").hidden = !faces.some((face) => face[BOX].length);

const rest = byId("others");
rest.hidden = others.length === 0;
rest.firstElementChild.textContent = `${others.length.toLocaleString("en")} without points: images and faces`;
rest.addEventListener("toggle", () => {
  if (rest.lastElementChild.childElementCount) return;
  for (const [name, why] of others) {
    const entry = document.createElement("li");
    entry.textContent = `${name}: ${why}`;
    rest.lastElementChild.append(entry);
  }
});

// A face that the keyboard reaches is not to lie below the bar.
new ResizeObserver(([entry]) => {
  const covers = getComputedStyle(entry.target).position === "sticky";
  document.documentElement.style.setProperty("--bar", `${covers ? entry.borderBoxSize[0].blockSize : 0}px`);
}).observe(byId("bar"));
byId("size").value = parseInt(getComputedStyle(document.documentElement).getPropertyValue("--size"), 10);

arrange();
