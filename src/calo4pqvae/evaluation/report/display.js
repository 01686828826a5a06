// The event display: two showers, one camera, one scale of colours.
(() => {
  const holder = document.getElementById("display");
  const { geometry, events, colours } = JSON.parse(document.getElementById("events").textContent);
  const find = (selector) => holder.querySelector(selector);
  const scene = find(".scene");
  const panes = [...scene.querySelectorAll(".pane")];
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const FRONT = { yaw: 0.55, pitch: 0.32, zoom: 1 };
  const SHADES = 32;
  const [LENGTH, EYE] = [3.4, 8]; // of the cylinder, and to the camera, in radii
  const camera = { ...FRONT };
  const cutaway = find(".cutaway");
  let shown = Math.floor(events.length / 2);
  let [threshold, frame, ink, beads] = [0, 0, "", []];

  // Data: hits as places in space, sizes of their cells, and energies.
  const { n_layers: nLayers, n_alpha: nAlpha, r_edges: edges } = geometry;
  const nR = edges.length - 1;
  const Index = nLayers * nAlpha * nR > 65536 ? Uint32Array : Uint16Array;
  const decode = (text, Numbers) =>
    new Numbers(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const depth = (layer) => ((layer + 0.5) / nLayers - 0.5) * LENGTH;

  function unpack({ voxels, energies, e_inc: incident }) {
    const energy = decode(energies, Float32Array);
    const places = [...decode(voxels, Index)].map((voxel) => {
      const [inner, outer] = edges.slice(voxel % nR, (voxel % nR) + 2);
      const r = (inner + outer) / 2 / edges[nR];
      const alpha = ((Math.floor(voxel / nR) % nAlpha) + 0.5) * 2 * Math.PI / nAlpha - Math.PI;
      const x = depth(Math.floor(voxel / nR / nAlpha));
      return [x, r * Math.cos(alpha), r * Math.sin(alpha), (outer - inner) / edges[nR]];
    });
    return { energy, places, incident, total: energy.reduce((sum, one) => sum + one, 0) };
  }

  const pairs = events.map((pair) => pair.map(unpack));
  const extreme = (pick, start) =>
    pairs.flat().reduce((found, { energy }) => energy.reduce((a, b) => pick(a, b), found), start);
  const peak = extreme(Math.max, 1e-6);
  const bottom = Math.max(extreme(Math.min, peak), peak / 1e6);
  const span = Math.max(Math.log(peak / bottom), 1e-6);
  const share = (energy) => Math.min(Math.max(Math.log(energy / bottom) / span, 0), 1);

  // Beads: one small picture for each shade, drawn once per theme; most energy, most contrast.
  function paint(dark) {
    const shades = dark ? colours : [...colours].reverse();
    ink = dark ? "#aab0b8" : "#565b63";
    beads = Array.from({ length: SHADES }, (_, i) => {
      const bead = document.createElement("canvas");
      bead.width = bead.height = 64;
      const pen = bead.getContext("2d");
      const colour = shades[Math.round(i / (SHADES - 1) * (shades.length - 1))];
      pen.fillStyle = pen.createRadialGradient(24, 22, 2, 32, 32, 31);
      pen.fillStyle.addColorStop(0, `color-mix(in srgb, ${colour} 72%, white)`);
      pen.fillStyle.addColorStop(0.45, colour);
      pen.fillStyle.addColorStop(1, `color-mix(in srgb, ${colour} 78%, black)`);
      pen.arc(32, 32, 31, 0, 2 * Math.PI);
      pen.fill();
      return bead;
    });
    find(".bar").style.background = `linear-gradient(to right, ${shades.join(",")})`;
  }

  // Camera: turn about the vertical, tilt, then perspective.
  function projector(width, height) {
    const [s, c] = [Math.sin(camera.yaw), Math.cos(camera.yaw)];
    const [t, d] = [Math.sin(camera.pitch), Math.cos(camera.pitch)];
    const unit = 0.95 * camera.zoom * Math.min(width / 4.2, height / 2.9);
    return ([x, y, z]) => {
      const far = z * c + x * s;
      const size = unit / (1 + (far * d - y * t) / EYE);
      return [0.52 * width + size * (x * c - z * s), height / 2 - size * (y * d + far * t), size];
    };
  }

  function drawOutline(pen, project) {
    const line = (...ends) => {
      pen.beginPath();
      for (const end of ends) pen.lineTo(...project(end).slice(0, 2));
      pen.stroke();
    };
    const rim = (x, k) => [x, Math.cos(k * Math.PI / 24), Math.sin(k * Math.PI / 24)];
    pen.strokeStyle = pen.fillStyle = ink;
    pen.globalAlpha = 0.35;
    for (let x = -0.5; x <= 0.5; x += 0.25) {
      line(...Array.from({ length: 49 }, (_, k) => rim(x * LENGTH, k)));
    }
    for (const k of [0, 12, 24, 36]) line(rim(-LENGTH / 2, k), rim(LENGTH / 2, k));
    pen.globalAlpha = 0.9;
    const tip = -LENGTH / 2 - 0.04;
    line([tip - 0.4, 0, 0], [tip, 0, 0]);
    line([tip - 0.14, 0.06, 0], [tip, 0, 0], [tip - 0.14, -0.06, 0]);
    pen.textAlign = "center";
    for (const layer of [0, nLayers - 1]) {
      pen.fillText(`layer ${layer}`, ...project([depth(layer), -1.2, 0]).slice(0, 2));
    }
  }

  function draw(canvas, { energy, places }) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = `12px ${getComputedStyle(holder).fontFamily}`;
    const project = projector(width, height);
    drawOutline(pen, project);
    const hits = [];
    const nearest = cutaway.ariaPressed === "true" ? 1.001 * project([0, 0, 0])[2] : Infinity;
    places.forEach((place, i) => {
      const [, y, z, cell] = place;
      if (energy[i] < threshold || project([0, y, z])[2] > nearest) return;
      hits.push([share(energy[i]), cell, ...project(place)]);
    });
    hits.sort((a, b) => a[4] - b[4]);
    for (const [level, cell, x, y, unit] of hits) {
      const bead = beads[Math.round(level * (SHADES - 1))];
      const half = unit * cell * (0.1 + 0.75 * level ** 1.6);
      pen.globalAlpha = Math.min(1, 0.15 + 1.25 * level ** 1.3);
      pen.drawImage(bead, x - half, y - half, 2 * half, 2 * half);
    }
    return hits.length;
  }

  // Words and controls.
  const number = (value) =>
    value < 1000 ? String(+value.toPrecision(3)) : Math.round(value).toLocaleString("en");
  const write = (element, words) => {
    if (element.textContent !== words) element.textContent = words;
  };

  function render() {
    frame = 0;
    panes.forEach((pane, side) => {
      const shower = pairs[shown][side];
      const seen = draw(pane.querySelector("canvas"), shower);
      write(pane.querySelector(".numbers"), `${number(shower.incident / 1e3)} GeV in, `
        + `${number(shower.total / 1e3)} GeV deposited, ${number(seen)} of `
        + `${number(shower.energy.length)} hits shown`);
    });
  }
  const redraw = () => { frame ||= requestAnimationFrame(render); };

  function step(to) {
    shown = Math.min(Math.max(to, 0), pairs.length - 1);
    const energy = `${number(pairs[shown][0].incident / 1e3)} GeV`;
    find("[name=event]").value = shown;
    find("[name=event]").ariaValueText = energy;
    write(find(".which"), `${energy} (${shown + 1} of ${pairs.length})`);
    find("[data-step='-1']").disabled = shown === 0;
    find("[data-step='1']").disabled = shown === pairs.length - 1;
    redraw();
  }

  function cut(level) {
    threshold = level > 0 ? bottom * Math.exp(level * span) : 0;
    const words = threshold ? `above ${number(threshold)} MeV` : "all hits";
    find("[name=threshold]").ariaValueText = words;
    write(find(".cut"), words);
    find(".veil").style.width = `${100 * level}%`;
    redraw();
  }

  function turn(yaw, pitch) {
    camera.yaw += yaw;
    camera.pitch = Math.min(Math.max(camera.pitch + pitch, -1.5), 1.5);
    redraw();
  }
  function zoom(factor) {
    camera.zoom = Math.min(Math.max(camera.zoom * factor, 0.5), 8);
    redraw();
  }
  function reset() {
    const [start, begin] = [{ ...camera }, performance.now()];
    const move = (now) => {
      const t = still.matches ? 1 : Math.min(Math.max((now - begin) / 600, 0), 1);
      for (const key in FRONT) camera[key] = start[key] + t * (2 - t) * (FRONT[key] - start[key]);
      redraw();
      if (t < 1) requestAnimationFrame(move);
    };
    move(begin);
  }

  // The page scrolls past a display that nobody has touched; then the wheel zooms.
  gestures(scene, {
    drag: (dx, dy) => turn(dx / 160, dy / 160),
    pinch: zoom,
    wheel: () => document.activeElement === scene,
  });
  actOnKeys(scene, {
    ArrowLeft: () => turn(-0.12, 0), ArrowRight: () => turn(0.12, 0),
    ArrowUp: () => turn(0, 0.12), ArrowDown: () => turn(0, -0.12),
    "+": () => zoom(1.2), "=": () => zoom(1.2), "-": () => zoom(1 / 1.2), 0: reset,
    PageUp: () => step(shown + 1), PageDown: () => step(shown - 1),
  });
  find("[name=event]").addEventListener("input", (event) => step(Number(event.target.value)));
  find("[name=threshold]").addEventListener("input", (event) => cut(Number(event.target.value)));
  find(".reset").addEventListener("click", reset);
  cutaway.addEventListener("click", () => {
    cutaway.ariaPressed = String(cutaway.ariaPressed !== "true");
    redraw();
  });
  for (const button of holder.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => step(shown + Number(button.dataset.step)));
  }
  const follow = (event) => {
    paint(event?.type !== "beforeprint" && document.documentElement.dataset.theme === "dark");
    render(); // at once: a print does not wait for the next frame
  };
  document.addEventListener("theme", follow);
  window.addEventListener("beforeprint", follow);
  window.addEventListener("afterprint", follow);

  for (let p = Math.ceil(Math.log10(bottom)); 10 ** p <= peak; p += 1) {
    const tick = find(".scale").appendChild(document.createElement("span"));
    tick.textContent = Math.abs(p) < 4 ? number(10 ** p) : `1e${p}`;
    tick.style.left = `${100 * share(10 ** p)}%`;
  }
  holder.hidden = false;
  find("[name=event]").max = pairs.length - 1;
  cut(0);
  step(shown);
  follow();
  new ResizeObserver(redraw).observe(scene);
})();
