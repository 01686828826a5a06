"use strict";

// One finger or the mouse drags; two fingers pinch; so does the wheel, where it is wanted.
function gestures(element, { drag, pinch, wheel }) {
  const fingers = new Map();
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    element.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
  });
  element.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
    fingers.set(event.pointerId, event);
    if (!other) {
      drag(event.clientX - before.clientX, event.clientY - before.clientY);
      return;
    }
    const span = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    const middle = [(event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2];
    pinch(span(event) / Math.max(span(before), 1), ...middle);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    element.addEventListener(kind, (event) => fingers.delete(event.pointerId));
  }
  element.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !wheel()) return;
    event.preventDefault();
    const factor = Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015));
    pinch(factor, event.clientX, event.clientY);
  }, { passive: false });
}

function actOnKeys(element, actions) {
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
}

// Tables: a click on a header sorts by its column, upwards, downwards, and back.
(() => {
  const numberOf = (text) => {
    const plain = text.replace(/−/g, "-").replace(/[\s,]/g, "");
    return parseFloat(/^[+-]?\d*\.?\d+/.test(plain) ? plain : "NaN");
  };
  const keyOf = (row, column) => row.cells[column].firstChild?.textContent.trim() ?? "";

  function compare(a, b) {
    const [x, y] = [numberOf(a), numberOf(b)];
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    return a.localeCompare(b, "en", { numeric: true });
  }

  function sort(table, column, direction) {
    const numeric = table.tHead.rows[0].cells[column].classList.contains("n");
    const missing = (key) => numeric && Number.isNaN(numberOf(key));
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      if (!direction) return a.dataset.place - b.dataset.place;
      const [x, y] = [keyOf(a, column), keyOf(b, column)];
      return missing(x) - missing(y) || direction * compare(x, y);
    });
    table.tBodies[0].append(...rows);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tBodies[0].rows].forEach((row, place) => (row.dataset.place = place));
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.append(...head.childNodes);
      head.append(button);
      head.ariaSort = "none";
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" };
        const order = next[head.ariaSort];
        for (const other of table.tHead.rows[0].cells) other.ariaSort = "none";
        head.ariaSort = order;
        sort(table, column, { none: 0, ascending: 1, descending: -1 }[order]);
      });
    });
  }
})();

// Paper folds nothing away.
for (const kind of ["beforeprint", "afterprint"]) {
  window.addEventListener(kind, () => {
    for (const part of document.querySelectorAll("details")) part.open = kind === "beforeprint";
  });
}

// Figures: a click enlarges; wheel, pinch and keys zoom, dragging moves, Esc closes.
(() => {
  const box = document.getElementById("lightbox");
  const buttons = [...document.querySelectorAll("figure button.enlarge")];
  if (!box || !buttons.length) return;
  const image = box.querySelector("img");
  const stage = box.querySelector(".stage");
  let view = { x: 0, y: 0, scale: 1 };
  let current = 0;

  const draw = () => {
    image.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  };
  const reset = () => { view = { x: 0, y: 0, scale: 1 }; draw(); };

  function zoom(factor, clientX, clientY) {
    const frame = stage.getBoundingClientRect();
    const x = (clientX ?? frame.x + frame.width / 2) - frame.x - frame.width / 2;
    const y = (clientY ?? frame.y + frame.height / 2) - frame.y - frame.height / 2;
    const scale = Math.min(Math.max(view.scale * factor, 1), 12);
    const ratio = scale / view.scale;
    view = scale === 1 ? { x: 0, y: 0, scale }
      : { x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio, scale };
    draw();
  }

  function show(index) {
    current = (index + buttons.length) % buttons.length;
    const source = buttons[current].querySelector("img");
    image.src = source.src;
    image.alt = source.alt;
    box.querySelector(".name").textContent = source.alt;
    reset();
    if (!box.open) box.showModal();
  }

  const actions = {
    in: () => zoom(1.4), out: () => zoom(1 / 1.4), fit: reset, close: () => box.close(),
    previous: () => show(current - 1), next: () => show(current + 1),
  };
  buttons.forEach((button, index) => button.addEventListener("click", () => show(index)));
  box.addEventListener("close", () => buttons[current].focus());
  box.addEventListener("click", (event) => actions[event.target.dataset.action]?.());
  actOnKeys(box, {
    "+": actions.in, "=": actions.in, "-": actions.out, 0: reset,
    ArrowLeft: actions.previous, ArrowRight: actions.next,
  });
  stage.addEventListener("dblclick", (event) => {
    if (view.scale > 1) reset();
    else zoom(2.5, event.clientX, event.clientY);
  });
  gestures(stage, {
    drag: (dx, dy) => {
      if (view.scale === 1) return;
      view.x += dx;
      view.y += dy;
      draw();
    },
    pinch: zoom,
    wheel: () => true,
  });
})();
